/** A session's life: runs in turn, counts, memory, release. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Tensor } from "edgewise";
import { lookup, mnist, scale } from "./models.mjs";

const row = (value) => new Tensor("float32", new Float32Array(3).fill(value), [1, 3]);

test("runs asked for at once take their turn in order", async () => {
  const session = await load(scale);
  const done = [];
  const runs = Array.from({ length: 20 }, (_, index) =>
    session.run({ x: row(index) }).then(({ y }) => {
      done.push(index);
      return y.data[2];
    }),
  );
  assert.deepEqual(
    await Promise.all(runs),
    runs.map((_, index) => 3 * index),
  );
  assert.deepEqual(
    done,
    [...done].sort((a, b) => a - b),
  );
});

test("a run that fails does not hold up the next", async () => {
  const session = await load(lookup);
  const results = await Promise.allSettled([
    session.run({ index: [0] }),
    session.run({ index: [9] }),
    session.run({ wrong: [9] }),
    session.run({ index: [2] }),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "rejected", "fulfilled"],
  );
});

test("a waiting run can be taken back, and keeps the values of when it was asked for", async () => {
  const session = await load(scale);
  const controller = new AbortController();
  const values = new Float32Array([1, 1, 1]);
  const first = session.run({ x: row(1) });
  const second = session.run({ x: row(2) }, { signal: controller.signal });
  const third = session.run({ x: values });
  controller.abort();
  values.fill(9);
  assert.equal((await first).y.data[0], 1);
  await assert.rejects(second, (error) => error.code === "ABORTED");
  assert.deepEqual([...(await third).y.data], [1, 2, 3]);
  await assert.rejects(
    session.run({ x: row(1) }, { signal: AbortSignal.abort() }),
    (error) => error.code === "ABORTED",
  );
});

test("release waits for the runs asked for before it", async () => {
  const session = await load(scale);
  const runs = [session.run({ x: row(1) }), session.run({ x: row(2) })];
  const released = session.release();
  await assert.rejects(session.run({ x: row(3) }), (error) => error.code === "SESSION_RELEASED");
  assert.equal((await Promise.all(runs))[1].y.data[0], 2);
  await released;
});

test("sessions do not mix", async () => {
  const [a, b] = await Promise.all([load(scale), load(lookup)]);
  const [first, second] = await Promise.all([a.run({ x: row(1) }), b.run({ index: [1] })]);
  assert.deepEqual([...first.y.data, ...second.y.data], [1, 2, 3, 20]);
  await a.release();
  assert.deepEqual([...(await b.run({ index: [2] })).y.data], [30]);
});

test("a run of known dims makes no plan", async () => {
  const session = await load(scale);
  await session.warmup({ x: [2, 3] });
  assert.equal(session.stats().planned, 1);
  await session.run({ x: new Float32Array(6) });
  await session.run({ x: new Float32Array(3) });
  await session.run({ x: new Float32Array(6) });
  const { planned, plans, planHits, runs } = session.stats();
  assert.deepEqual({ planned, plans, planHits, runs }, { planned: 2, plans: 2, planHits: 2, runs: 3 });
});

test("dims that are fixed are planned at load", async () => {
  const session = await load(scale, { freeDimensionOverrides: { batch: 4 } });
  assert.equal(session.stats().planned, 1);
  assert.deepEqual(session.inputs[0].dims, [4, 3]);
  assert.deepEqual((await session.run({ x: new Float32Array(12) })).y.dims, [4, 3]);
});

test("the session tells what it is and what it took", async () => {
  const session = await load(mnist);
  await session.run({ Input3: new Float32Array(784) });
  const { build, milliseconds, modelBytes } = session.stats();
  assert.equal(build, "simd128");
  assert.ok(modelBytes > 20000, String(modelBytes));
  for (const [name, value] of Object.entries(milliseconds)) assert.ok(value >= 0, name);
  const memory = session.memory();
  assert.ok(memory.engineBytes > memory.planBytes && memory.planBytes > 10000, JSON.stringify(memory));
});

test("await using releases", async () => {
  const session = await load(scale);
  await session[Symbol.asyncDispose]();
  await assert.rejects(session.run({ x: row(1) }), (error) => error.code === "SESSION_RELEASED");
});
