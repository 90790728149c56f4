/** In a process of its own: what is compiled already changes how much of the stack is needed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Tensor } from "edgewise";
import { nested, scale } from "./models.mjs";

/** Calls `attempt` at every depth of JavaScript's stack, from its end upwards, until `isDone`. */
function exhaustStack(attempt, isDone) {
  const descend = () => {
    try {
      descend();
    } catch (error) {
      if (!isDone()) attempt();
      throw error;
    }
  };
  assert.throws(descend, RangeError);
}

test("ENGINE_CRASHED: a stack that overflows ends the session, and the next load works", async () => {
  const session = await load(nested);
  const bystander = await load(scale);
  const inputs = { c: true, x: new Tensor("float32", new Float32Array(1), [1]) };
  const codes = [];
  exhaustStack(
    () => {
      try {
        session.runSync(inputs);
        codes.push("ran");
      } catch (error) {
        codes.push(error.code);
      }
    },
    () => codes.at(-1) === "ENGINE_CRASHED" || codes.length > 1000,
  );
  assert.equal(codes.at(-1), "ENGINE_CRASHED");
  for (const [dead, values] of [
    [session, inputs],
    [bystander, { x: [[1, 1, 1]] }],
  ]) {
    const error = await dead.run(values).then(
      () => assert.fail(),
      (reason) => reason,
    );
    assert.equal(error.code, "ENGINE_CRASHED");
    assert.match(error.message, /load the model again/);
    await dead.release();
  }
  for (let round = 0; round < 3; round += 1) {
    const next = await load(scale);
    assert.deepEqual([...(await next.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
    await next.release();
  }
});
