/** What a session takes it gives back. In a file, and so in a process, of its own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "edgewise";
import { lookup, mnist } from "./models.mjs";

test("a thousand rounds of load, run and release grow nothing", async () => {
  const input = new Float32Array(784);
  const round = async () => {
    const session = await load(mnist);
    await session.run({ Input3: input });
    const { engineBytes } = session.memory();
    await session.release();
    return engineBytes;
  };
  for (let index = 0; index < 20; index += 1) await round();
  const before = await round();
  let last = before;
  for (let index = 0; index < 1000; index += 1) last = await round();
  assert.equal(last, before);
});

test("failed loads and failed runs grow nothing", async () => {
  const broken = mnist.subarray(0, 20000);
  const session = await load(lookup);
  const round = async () => {
    await assert.rejects(load(broken));
    await assert.rejects(session.run({ index: [9] }), (error) => error.code === "EXECUTION_FAILED");
    return session.memory().engineBytes;
  };
  for (let index = 0; index < 50; index += 1) await round();
  const before = await round();
  for (let index = 0; index < 1000; index += 1) await round();
  assert.equal(await round(), before);
});
