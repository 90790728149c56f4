/** A session's life: runs in turn, counts, memory, release. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Tensor } from "edgewise";
import { divide, folding, lookup, mnist, scale } from "./models.mjs";

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

test("warming up takes its turn, is no run, and needs only the dims that are free", async () => {
  const session = await load(scale);
  const first = session.run({ x: row(1) });
  await session.warmup({ x: [2, 3] });
  assert.deepEqual([...(await first).y.data], [1, 2, 3]);
  await assert.rejects(session.warmup({ x: [2, 4] }), (error) => error.code === "INPUT_INVALID");
  assert.deepEqual([...(await session.run({ x: row(2) })).y.data], [2, 4, 6]);
  const { runs, failures } = session.stats();
  assert.deepEqual({ runs, failures }, { runs: 2, failures: 0 });
  await (await load(mnist)).warmup();
  // That zeros do not suit the model says nothing of what is to come.
  const divided = await load(divide);
  await divided.warmup({ x: [2] });
  await assert.rejects(
    divided.run({ x: [0, 5] }),
    (error) => error.code === "EXECUTION_FAILED" && error.node === "divide",
  );
  assert.deepEqual([...(await divided.run({ x: [2, 5] })).y.data], [5, 2]);
});

test("a plan has no more steps than the model has nodes, and folds what is constant", async () => {
  const session = await load(folding);
  assert.equal(session.stats().steps, 1);
  assert.deepEqual([...(await session.run({ x: [1, 2] })).y.data], [7, 8]);
});

test("dims that are fixed at load stay fixed", async () => {
  const session = await load(scale, { freeDimensionOverrides: { batch: 4 } });
  assert.deepEqual(session.inputs[0].dims, [4, 3]);
  await assert.rejects(session.run({ x: row(1) }), (error) => error.expected === "float32[4,3]");
  assert.deepEqual((await session.run({ x: new Float32Array(12) })).y.dims, [4, 3]);
});

test("the session tells what it is and what it took", async () => {
  const session = await load(mnist);
  await session.run({ Input3: new Float32Array(784) });
  const { build, milliseconds, modelBytes } = session.stats();
  assert.match(build, /^(?:simd128|relaxed-simd(?: threads)?)$/);
  assert.ok(modelBytes > 20000, String(modelBytes));
  for (const [name, value] of Object.entries(milliseconds)) assert.ok(value >= 0, name);
  const memory = session.memory();
  assert.equal(memory.modelBytes, modelBytes);
  assert.ok(memory.engineBytes > memory.modelBytes, JSON.stringify(memory));
  assert.deepEqual(Object.keys(memory).sort(), ["engineBytes", "modelBytes"]);
});

test("await using releases", async () => {
  const session = await load(scale);
  await session[Symbol.asyncDispose]();
  await assert.rejects(session.run({ x: row(1) }), (error) => error.code === "SESSION_RELEASED");
});
