/** Values that are more than one tensor, or perhaps none: sequences, optionals, and the maps and labels of classifiers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError, inspect, load, Tensor } from "edgewise";
import { encodeModel, float, graph, tensor } from "../onnx.mjs";

const vector = { type: "float32", dims: ["n"] };
const floats = (...values) => new Tensor("float32", values);
const valuesOf = (sequence) => sequence.map(({ data }) => [...data]);

const refused = (pattern) => (error) =>
  error instanceof InferenceError && error.code === "INPUT_INVALID" && pattern.test(error.message);

const reversal = encodeModel({
  inputs: [{ name: "x", sequence: vector }],
  outputs: [
    { name: "y", sequence: vector },
    { name: "all", type: "float32", dims: ["m"] },
  ],
  initializers: [
    { name: "first", type: "int64", dims: [], data: [0n] },
    { name: "last", type: "int64", dims: [], data: [-1n] },
  ],
  nodes: [
    { op: "SequenceAt", name: "pick", inputs: ["x", "last"], outputs: ["end"] },
    { op: "SequenceErase", inputs: ["x", "last"], outputs: ["rest"] },
    { op: "SequenceInsert", inputs: ["rest", "end", "first"], outputs: ["y"] },
    { op: "ConcatFromSequence", inputs: ["y"], outputs: ["all"], attributes: { axis: 0 } },
  ],
});

test("a sequence goes in and comes out as an array of tensors", async () => {
  const session = await load(reversal);
  assert.deepEqual(session.inputs, [{ name: "x", ...vector, kind: "sequence" }]);
  assert.deepEqual(
    session.outputs.map(({ kind }) => kind),
    ["sequence", "tensor"],
  );
  const x = [floats(1, 2), [3], floats(4, 5, 6)];
  for (const { y, all } of [await session.run({ x }), session.runSync({ x })]) {
    assert.ok(y.every((item) => item instanceof Tensor && item.type === "float32"));
    assert.deepEqual(valuesOf(y), [[4, 5, 6], [1, 2], [3]]);
    assert.deepEqual([...all.data], [4, 5, 6, 1, 2, 3]);
  }
});

test("a sequence that waits keeps the values of when it was given", async () => {
  const session = await load(reversal);
  const data = new Float32Array([1, 2]);
  const first = session.run({ x: [data] });
  const second = session.run({ x: [data, floats(3)] });
  data.fill(9);
  assert.deepEqual(valuesOf((await first).y), [[1, 2]]);
  assert.deepEqual(valuesOf((await second).y), [[3], [1, 2]]);
});

test("what is no sequence of the tensors that the model says is refused", async () => {
  const session = await load(reversal);
  for (const x of [floats(1), new Float32Array(2), null, undefined, 7]) {
    await assert.rejects(session.run({ x }), refused(/input "x": expected an array of tensors/));
  }
  await assert.rejects(
    session.run({ x: [floats(1), new Tensor("int32", [1])] }),
    refused(/input "x": expected sequence of float32\[n\], got int32\[1\]/),
  );
  await assert.rejects(
    session.run({ x: [] }),
    (error) => error.code === "EXECUTION_FAILED" && error.node === "pick" && error.op === "SequenceAt",
  );
  assert.deepEqual(valuesOf((await session.run({ x: [floats(1)] })).y), [[1]]);
});

test("sequences may be empty, on the way in and on the way out", async () => {
  const session = await load(
    encodeModel({
      inputs: [{ name: "x", sequence: vector }],
      outputs: [
        { name: "y", sequence: vector },
        { name: "length", type: "int64", dims: [] },
        { name: "none", sequence: { type: "int64", dims: null } },
      ],
      nodes: [
        { op: "Identity", inputs: ["x"], outputs: ["y"] },
        { op: "SequenceLength", inputs: ["x"], outputs: ["length"] },
        { op: "SequenceEmpty", outputs: ["none"], attributes: { dtype: 7 } },
      ],
    }),
  );
  const { y, length, none } = await session.run({ x: [] });
  assert.deepEqual([y, length.data, none], [[], new BigInt64Array([0n]), []]);
});

test("an optional is a tensor, a sequence or null, and may be left out", async () => {
  const model = (optional) =>
    encodeModel({
      inputs: [{ name: "x", optional }],
      outputs: [
        { name: "y", optional },
        { name: "has", type: "bool", dims: [] },
      ],
      nodes: [
        { op: "Identity", inputs: ["x"], outputs: ["y"] },
        { op: "OptionalHasElement", inputs: ["x"], outputs: ["has"] },
      ],
      opset: 18,
    });
  const session = await load(model(vector));
  assert.deepEqual(session.inputs, [{ name: "x", ...vector, kind: "optional" }]);
  for (const x of [floats(1, 2), [1, 2], new Float32Array([1, 2])]) {
    const { y, has } = await session.run({ x });
    assert.deepEqual([y, [...has.data]], [floats(1, 2), [1]]);
  }
  for (const inputs of [{ x: null }, { x: undefined }, {}]) {
    const { y, has } = await session.run(inputs);
    assert.deepEqual([y, [...has.data]], [null, [0]]);
  }
  await assert.rejects(session.run({ x: new Tensor("int32", [1]) }), refused(/float32\[n\], got int32\[1\]/));

  await assert.rejects(session.run({ x: [floats(1)] }), refused(/input "x"/));

  const list = await load(model({ sequence: vector }));
  assert.equal(list.inputs[0].kind, "optional sequence");
  await assert.rejects(list.run({ x: [new Tensor("float32", [1], [1, 1])] }), refused(/got float32\[1,1\]/));
  await assert.rejects(list.run({ x: floats(1) }), refused(/expected an array of tensors/));
  assert.deepEqual(valuesOf((await list.run({ x: [floats(1), floats(2, 3)] })).y), [[1], [2, 3]]);
  assert.deepEqual((await list.run({ x: [] })).y, []);
  assert.equal((await list.run({})).y, null);
});

/** Scores of three classes that are the softmax of x0, x1 and -x0-x1. */
function classifier(labels) {
  const key = typeof labels[0] === "string" ? "string" : "int64";
  const attributes = { [key === "string" ? "classlabels_strings" : "classlabels_int64s"]: labels };
  const forLinear = { [key === "string" ? "classlabels_strings" : "classlabels_ints"]: labels };
  return encodeModel({
    inputs: [{ name: "x", type: "float32", dims: ["n", 2] }],
    outputs: [
      { name: "label", type: key, dims: ["n"] },
      { name: "scores", sequence: { map: { key, value: { type: "float32", dims: [] } } } },
    ],
    nodes: [
      {
        op: "LinearClassifier",
        domain: "ai.onnx.ml",
        inputs: ["x"],
        outputs: ["label", "raw"],
        attributes: {
          ...forLinear,
          coefficients: float([1, 0, 0, 1, -1, -1]),
          intercepts: float([0, 0, 0]),
          post_transform: "SOFTMAX",
        },
      },
      { op: "ZipMap", domain: "ai.onnx.ml", inputs: ["raw"], outputs: ["scores"], attributes },
    ],
    opset: { "ai.onnx": 17, "ai.onnx.ml": 1 },
  });
}

const softmax = (...values) => {
  const powers = values.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
};
const near = (actual, expected) =>
  actual.length === expected.length &&
  actual.every((value, index) => Math.abs(value - expected[index]) < 1e-6);

for (const labels of [
  ["cat", "dog", "\u{1f99c}"],
  [3n, -1n, 2n ** 53n + 1n],
]) {
  test(`a classifier's scores come as a tensor with labels (${typeof labels[0]}), or as maps`, async () => {
    const session = await load(classifier(labels));
    assert.deepEqual(session.outputs[1].labels, labels);
    assert.equal("labels" in session.outputs[0], false);
    const x = [
      [1, 2],
      [2, -1],
    ];
    const expected = [softmax(1, 2, -3), softmax(2, -1, -1)];
    const { label, scores } = await session.run({ x });
    assert.deepEqual([...label.data], [labels[1], labels[0]]);
    assert.deepEqual([scores.type, scores.dims], ["float32", [2, 3]]);
    assert.ok(near([...scores.data], expected.flat()), String(scores.data));

    for (const { scores: maps, label: same } of [
      await session.run({ x }, { maps: true }),
      session.runSync({ x }, { maps: true }),
    ]) {
      assert.deepEqual(same, label);
      assert.equal(maps.length, 2);
      for (const [index, map] of maps.entries()) {
        assert.ok(map instanceof Map);
        assert.deepEqual([...map.keys()], labels);
        assert.ok(near([...map.values()], expected[index]), String([...map.values()]));
      }
    }
    const only = await session.run({ x: new Float32Array(2) }, { maps: true, outputs: ["scores"] });
    assert.deepEqual(Object.keys(only), ["scores"]);
    assert.deepEqual(
      await session.run({ x: new Tensor("float32", [], [0, 2]) }, { maps: true, outputs: ["scores"] }),
      {
        scores: [],
      },
    );
  });
}

const fromMap = (op, key, type, attributes) =>
  encodeModel({
    inputs: [{ name: "x", map: { key, value: { type, dims: [] } } }],
    outputs: [{ name: "y", type: "float32", dims: [1, null] }],
    nodes: [{ op, domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"], attributes }],
    opset: { "ai.onnx": 17, "ai.onnx.ml": 1 },
  });

test("a map goes in as a Map or a plain object", async () => {
  const words = await load(
    fromMap("DictVectorizer", "string", "float32", { string_vocabulary: ["b", "z", "a"] }),
  );
  assert.deepEqual(words.inputs, [{ name: "x", type: "float32", dims: [], kind: "map", keys: "string" }]);
  const map = new Map([
    ["a", 2],
    ["b", 0.5],
    ["c", 7],
  ]);
  for (const [x, expected] of [
    [map, [0.5, 0, 2]],
    [{ a: 2, b: 0.5, c: 7 }, [0.5, 0, 2]],
    [{}, [0, 0, 0]],
  ]) {
    const runs = await Promise.all([words.run({ x }), words.run({ x })]);
    for (const { y } of runs) assert.deepEqual([...y.data], expected);
  }
  const numbers = await load(fromMap("CastMap", "int64", "string", { cast_to: "TO_FLOAT" }));
  for (const x of [{ 9: "1.5", "-3": "4" }, new Map([[9, "1.5"]]).set(-3n, "4")]) {
    assert.deepEqual([...(await numbers.run({ x })).y.data], [4, 1.5]);
  }
  for (const x of [floats(1), [1], 7, null]) {
    await assert.rejects(words.run({ x }), refused(/input "x": expected a Map or an object/));
  }
  for (const x of [{ a: "one" }, new Map([[1, 1]])]) {
    await assert.rejects(words.run({ x }), refused(/input "x": /));
  }
  await assert.rejects(numbers.run({ x: { a: "1" } }), refused(/input "x": /));
});

test("maps is an option of kind boolean", async () => {
  const session = await load(classifier([0, 1, 2]));
  await assert.rejects(session.run({ x: [[1, 2]] }, { maps: 1 }), refused(/option maps: expected a boolean/));
});

test("inspect tells kinds and labels", async () => {
  const { inputs, outputs } = await inspect(classifier(["a", "b", "c"]));
  assert.deepEqual(
    [...inputs, ...outputs].map(({ name, kind }) => [name, kind]),
    [
      ["x", "tensor"],
      ["label", "tensor"],
      ["scores", "tensor"],
    ],
  );
  assert.deepEqual(outputs[1].labels, ["a", "b", "c"]);
  assert.equal((await inspect(reversal)).inputs[0].kind, "sequence");
});

test("the branch that is taken decides the values and the dims", async () => {
  const branch = (nodes) => graph({ outputs: [{ name: "y", type: "float32" }], nodes });
  const session = await load(
    encodeModel({
      inputs: [
        { name: "c", type: "bool", dims: [] },
        { name: "x", ...vector },
      ],
      outputs: [{ name: "y", type: "float32" }],
      nodes: [
        {
          op: "If",
          inputs: ["c"],
          outputs: ["y"],
          attributes: {
            then_branch: branch([
              { op: "Concat", inputs: ["x", "x"], outputs: ["y"], attributes: { axis: 0 } },
            ]),
            else_branch: branch([
              { op: "ReduceSum", inputs: ["x"], outputs: ["y"], attributes: { keepdims: 0 } },
            ]),
          },
        },
      ],
    }),
  );
  const run = async (c) => {
    const { y } = await session.run({ c, x: [1, 2, 3] });
    return { dims: y.dims, data: [...y.data] };
  };
  assert.deepEqual(await run(true), { dims: [6], data: [1, 2, 3, 1, 2, 3] });
  assert.deepEqual(await run(false), { dims: [], data: [6] });
});

test("a loop carries values, stops when its condition says so, and stacks what it scans", async () => {
  const scalar = (name, type, value) => ({ name, type, dims: [], data: [value] });
  const body = graph({
    inputs: [
      { name: "i", type: "int64", dims: [] },
      { name: "before", type: "bool", dims: [] },
      { name: "n", type: "int64", dims: [] },
    ],
    outputs: [
      { name: "on", type: "bool", dims: [] },
      { name: "next", type: "int64", dims: [] },
      { name: "seen", type: "int64", dims: [] },
    ],
    initializers: [scalar("two", "int64", 2n), scalar("most", "int64", 100n)],
    nodes: [
      { op: "Mul", inputs: ["n", "two"], outputs: ["next"] },
      { op: "Identity", inputs: ["n"], outputs: ["seen"] },
      { op: "Less", inputs: ["next", "most"], outputs: ["on"] },
    ],
  });
  const session = await load(
    encodeModel({
      inputs: [
        { name: "rounds", type: "int64", dims: [] },
        { name: "start", type: "int64", dims: [] },
      ],
      outputs: [
        { name: "end", type: "int64", dims: [] },
        { name: "seen", type: "int64", dims: [null] },
      ],
      nodes: [
        {
          op: "Constant",
          outputs: ["yes"],
          attributes: { value: tensor({ type: "bool", dims: [], data: [1] }) },
        },
        { op: "Loop", inputs: ["rounds", "yes", "start"], outputs: ["end", "seen"], attributes: { body } },
      ],
    }),
  );
  const run = async (rounds, start) => {
    const { end, seen } = await session.run({ rounds, start });
    return [Number(end.data[0]), Array.from(seen.data, Number)];
  };
  assert.deepEqual(await run(3, 1), [8, [1, 2, 4]]);
  assert.deepEqual(await run(1000, 30), [120, [30, 60]]);
  assert.deepEqual(await run(0, 5), [5, []]);
});

const castTo = (type, code) =>
  encodeModel({
    inputs: [{ name: "x", type: "float32", dims: ["n"] }],
    outputs: [
      { name: "narrow", type, dims: ["n"] },
      { name: "wide", type: "float32", dims: ["n"] },
    ],
    nodes: [
      { op: "Cast", inputs: ["x"], outputs: ["narrow"], attributes: { to: code } },
      { op: "Cast", inputs: ["narrow"], outputs: ["wide"], attributes: { to: 1 } },
    ],
    opset: 25,
  });

// Codes of TensorProto.DataType, and what each value is by the definitions of the formats.
for (const [type, code, values, stored] of [
  ["bfloat16", 16, [0, 1, -2, 0.5, 3.140625], [0, 0x3f80, 0xc000, 0x3f00, 0x4049]],
  ["int4", 22, [-8, -1, 0, 7, 3], [-8, -1, 0, 7, 3]],
  ["uint4", 21, [0, 1, 15, 8, 3], [0, 1, 15, 8, 3]],
  ["float8e4m3fn", 17, [0, 1, -2, 448, 0.5], [0, 0x38, 0xc0, 0x7e, 0x30]],
  ["float8e5m2", 19, [0, 1, -2, 57344, 0.5], [0, 0x3c, 0xc0, 0x7b, 0x38]],
]) {
  test(`${type} values are told apart from their bits`, async () => {
    const session = await load(castTo(type, code));
    const { narrow, wide } = await session.run({ x: values });
    assert.equal(narrow.type, type);
    assert.deepEqual([...narrow.data], stored);
    assert.deepEqual([...wide.data], values);
  });
}

test("packed 4-bit weights are unpacked, an odd one out too", async () => {
  const session = await load(
    encodeModel({
      inputs: [{ name: "i", type: "int64", dims: ["n"] }],
      outputs: [{ name: "y", type: "float32", dims: ["n"] }],
      initializers: [{ name: "w", type: "int4", dims: [3], data: new Uint8Array([0xf1, 0x08]) }],
      nodes: [
        { op: "Cast", inputs: ["w"], outputs: ["wide"], attributes: { to: 1 } },
        { op: "Gather", inputs: ["wide", "i"], outputs: ["y"] },
      ],
      opset: 21,
    }),
  );
  assert.deepEqual([...(await session.run({ i: [0, 1, 2] })).y.data], [1, -1, -8]);
});
