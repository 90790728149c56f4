/** One test for every code, and that the engine goes on after each. MODEL_FETCH_FAILED and more: sources.test.mjs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError, load } from "edgewise";
import { decodeModel, encodeMessage, encodeModel } from "../onnx.mjs";
import { identity, lookup, mnist, scale } from "./models.mjs";

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof InferenceError, String(error));
    return error;
  }
  assert.fail("it should be refused");
}

async function refuse(source, code, pattern) {
  const error = await failure(load(source));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, pattern);
  const session = await load(scale);
  assert.deepEqual([...(await session.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
  await session.release();
  return error;
}

function change(model, edit) {
  const decoded = decodeModel(model);
  edit(decoded);
  return encodeMessage(decoded);
}

const junk = Uint8Array.from({ length: 5000 }, (_, index) => (index * 7919 + 13) % 251);

test("MODEL_INVALID: bytes that are no model", async () => {
  await refuse(new Uint8Array(), "MODEL_INVALID", /empty/);
  await refuse(junk, "MODEL_INVALID", /./);
  await refuse(mnist.subarray(0, 20000), "MODEL_INVALID", /truncated/);
  await refuse(mnist.subarray(0, 1), "MODEL_INVALID", /truncated/);
  await refuse(new TextEncoder().encode("<html></html>"), "MODEL_INVALID", /HTML/);
});

test("MODEL_INVALID: graphs that do not hold together", async () => {
  const cycle = change(mnist, ({ graph }) => {
    graph.node[0].input[0] = graph.node.at(-1).output[0];
  });
  await refuse(cycle, "MODEL_INVALID", /cycle: .* -> /);
  const missing = change(scale, ({ graph }) => {
    graph.initializer = [];
  });
  const error = await refuse(missing, "MODEL_INVALID", /"w" \(input of node "y", Mul\)/);
  assert.deepEqual([error.node, error.op], ["y", "Mul"]);
});

test("OP_UNSUPPORTED: all operators at once, with their nodes", async () => {
  const model = encodeModel({
    inputs: [{ name: "x", type: "float32", dims: [1] }],
    outputs: [{ name: "y", type: "float32", dims: [1] }],
    nodes: [
      { op: "Foo", name: "a", inputs: ["x"], outputs: ["p"] },
      { op: "Bar", name: "b", inputs: ["p"], outputs: ["q"] },
      { op: "Foo", name: "c", inputs: ["q"], outputs: ["y"] },
    ],
  });
  await refuse(
    model,
    "OP_UNSUPPORTED",
    /^2 operators are not supported: Bar \(node "b"\), Foo \(nodes "a", "c"\)$/,
  );
});

test("MODEL_UNSUPPORTED: opsets and types that are not known", async () => {
  const old = change(scale, (model) => {
    model.opsetImport[0].version = 0;
  });
  await refuse(old, "MODEL_UNSUPPORTED", /version 0 of the operator set ai\.onnx/);
  const recent = change(scale, (model) => {
    model.opsetImport[0].version = 99;
  });
  await refuse(
    recent,
    "MODEL_UNSUPPORTED",
    /version 99 of the operator set ai\.onnx, and 1 to \d+ are supported/,
  );
  await refuse(identity("complex64", [1]), "MODEL_UNSUPPORTED", /"x" has the element type complex64/);
  const mapped = encodeModel({
    inputs: [{ name: "x", map: { key: "int32", value: { type: "float32", dims: [] } } }],
    outputs: [{ name: "y", type: "float32", dims: [1, null] }],
    nodes: [{ op: "CastMap", domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"] }],
    opset: { "ai.onnx": 17, "ai.onnx.ml": 1 },
  });
  await refuse(mapped, "MODEL_UNSUPPORTED", /"x" is a map/);
});

test("INPUT_INVALID: names, dims and types, and the session works on", async () => {
  const session = await load(scale);
  for (const [inputs, message] of [
    [{ X: [[1, 2, 3]] }, 'the model has no input "X": its inputs are "x"; did you mean "x"?'],
    [{}, '1 input is missing: "x" float32[batch,3]'],
    [{ x: [[1, 2]] }, 'input "x": expected float32[batch,3], got float32[1,2]'],
    [
      { x: { type: "int32", dims: [1, 3], data: [1, 2, 3] } },
      'input "x": expected float32[batch,3], got int32[1,3]',
    ],
  ]) {
    const error = await failure(session.run(inputs));
    assert.equal(error.code, "INPUT_INVALID");
    assert.equal(error.message, message);
  }
  const error = await failure(session.run({ x: [[1, 2]] }));
  assert.deepEqual([error.input, error.expected, error.actual], ["x", "float32[batch,3]", "float32[1,2]"]);
  const output = await failure(session.run({ x: [[1, 2, 3]] }, { outputs: ["z"] }));
  assert.equal(output.message, 'the model has no output "z": its outputs are "y"; did you mean "y"?');
  assert.deepEqual([...(await session.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
  await session.release();
});

test("INPUT_INVALID: options", async () => {
  const error = await failure(load(scale, { freeDimensionOverrides: { bacth: 1 } }));
  assert.equal(error.code, "INPUT_INVALID");
  assert.match(error.message, /did you mean "batch"/);
  assert.equal((await failure(load(scale, { freeDimensionOverrides: { batch: -1 } }))).code, "INPUT_INVALID");
  assert.equal(
    (await failure(load(scale, { freeDimensionOverrides: { batch: "1" } }))).code,
    "INPUT_INVALID",
  );
  const limits = await failure(load(scale, { limits: { modelBytes: -1 } }));
  assert.equal(limits.message, "limits.modelBytes: expected a whole number from 0, got -1");
  await (await load(scale, { limits: { modelBytes: 2 ** 40, tensorBytes: Infinity } })).release();
  for (const [options, message] of [
    [7, "options: expected an object, got number"],
    [{ signal: {} }, "option signal: expected an AbortSignal, got object"],
    [{ onProgress: 5 }, "option onProgress: expected a function, got number"],
    [{ integrity: 5 }, "option integrity: expected a string, got number"],
    [{ externalData: [] }, "option externalData: expected an object of sources by name, got an array"],
    [{ cache: 5 }, "option cache: expected a boolean or the name of a cache, got number"],
    [{ limits: null }, "option limits: expected an object of numbers, got null"],
  ]) {
    const wrong = await failure(load(scale, options));
    assert.deepEqual([wrong.code, wrong.message], ["INPUT_INVALID", message]);
  }
  const session = await load(scale, null);
  await session.run({ x: [[1, 2, 3]] }, null);
  for (const outputs of [5, [7], "y"]) {
    const wrong = await failure(session.run({ x: [[1, 2, 3]] }, { outputs }));
    assert.match(wrong.message, /^option outputs: expected an array of names/);
  }
  for (const dims of [null, { x: [2, 4] }, { x: 2 }, { x: [-1, 3] }, { x: ["a", 3] }, { z: [1] }]) {
    assert.equal((await failure(session.warmup(dims))).code, "INPUT_INVALID", JSON.stringify(dims));
  }
});

test("EXECUTION_FAILED: the node, its operator and its operands, and the session works on", async () => {
  const session = await load(lookup);
  const error = await failure(session.run({ index: [1, 7] }));
  assert.equal(error.code, "EXECUTION_FAILED");
  assert.deepEqual([error.node, error.op], ["lookup", "Gather"]);
  assert.match(error.message, /^node "lookup" \(Gather\): index 7 .* \(inputs: float32\[3\], int64\[2\]\)$/);
  assert.deepEqual([...(await session.run({ index: [0, 2] })).y.data], [10, 30]);
  assert.equal(session.stats().failures, 1);
});

test("LIMIT_EXCEEDED: a tensor that could not be had, before it is asked for", async () => {
  const session = await load(scale, { limits: { tensorBytes: 1200 } });
  await session.run({ x: new Float32Array(300) });
  assert.equal((await failure(session.warmup({ x: [101, 3] }))).code, "LIMIT_EXCEEDED");
  assert.equal((await failure(session.run({ x: new Float32Array(303) }))).code, "LIMIT_EXCEEDED");
});

test("SESSION_RELEASED: everything after release", async () => {
  const session = await load(scale);
  await session.release();
  await session.release();
  assert.equal((await failure(session.run({ x: [[1, 2, 3]] }))).code, "SESSION_RELEASED");
  assert.equal((await failure(session.warmup({ x: [1, 3] }))).code, "SESSION_RELEASED");
  for (const call of [
    () => session.runSync({ x: [[1, 2, 3]] }),
    () => session.stats(),
    () => session.memory(),
  ]) {
    assert.throws(call, (error) => error.code === "SESSION_RELEASED");
  }
  assert.equal(session.inputs[0].name, "x");
});
