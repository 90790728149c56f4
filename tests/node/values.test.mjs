/** What `run` and `new Tensor` take, and what they refuse. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { InferenceError, load, Tensor } from "edgewise";
import { identity, scale } from "./models.mjs";

const refused = (pattern) => (error) =>
  error instanceof InferenceError && error.code === "INPUT_INVALID" && pattern.test(error.message);

async function echo(type, dims, value) {
  const session = await load(identity(type, dims));
  const { y } = await session.run({ x: value });
  await session.release();
  return { dims: y.dims, data: [...y.data] };
}

test("bare values take the type and the dims that the model gives", async () => {
  assert.deepEqual(
    await echo(
      "float32",
      [2, 2],
      [
        [1, 2],
        [3, 4],
      ],
    ),
    { dims: [2, 2], data: [1, 2, 3, 4] },
  );
  assert.deepEqual(await echo("float32", [2, 2], new Float32Array([1, 2, 3, 4])), {
    dims: [2, 2],
    data: [1, 2, 3, 4],
  });
  assert.deepEqual(await echo("float32", ["n", 2], new Float32Array(6)), {
    dims: [3, 2],
    data: [0, 0, 0, 0, 0, 0],
  });
  assert.deepEqual(await echo("int64", [], 7), { dims: [], data: [7n] });
  assert.deepEqual(await echo("int64", ["n"], [1, 2n]), { dims: [2], data: [1n, 2n] });
  assert.deepEqual(await echo("float32", [1, 1], 7), { dims: [1, 1], data: [7] });
  assert.deepEqual(await echo("bool", [2], [true, false]), { dims: [2], data: [1, 0] });
  assert.deepEqual(await echo("string", [], "a"), { dims: [], data: ["a"] });
  assert.deepEqual(await echo("string", ["n", 2], [["a", "b"]]), { dims: [1, 2], data: ["a", "b"] });
  assert.deepEqual(await echo("uint8", [3], new Uint8ClampedArray([1, 2, 3])), {
    dims: [3],
    data: [1, 2, 3],
  });
  assert.deepEqual(await echo("float32", ["n"], []), { dims: [0], data: [] });
  assert.deepEqual(
    await echo("float32", ["n"], { type: "float32", dims: [1], data: new Float32Array([3]) }),
    {
      dims: [1],
      data: [3],
    },
  );
});

test("arrays of another realm are arrays", async () => {
  const data = runInNewContext("new Float32Array([1, 2])");
  assert.deepEqual(await echo("float32", [2], data), { dims: [2], data: [1, 2] });
});

test("nothing is narrowed in silence", async () => {
  for (const [type, value] of [
    ["uint8", [256]],
    ["uint8", [-1]],
    ["int8", [1.5]],
    ["int32", [2 ** 31]],
    ["int64", [0.5]],
    ["int64", [2 ** 60]],
    ["uint64", [-1]],
    ["int64", [2n ** 63n]],
    ["float32", [1n]],
    ["float32", ["1"]],
    ["bool", [2]],
    ["string", [1]],
    ["int64", new Int32Array(1)],
    ["float32", new Float64Array(1)],
    ["uint8", new Int8Array(1)],
    ["bool", new Int8Array(1)],
    ["float32", [undefined]],
  ]) {
    await assert.rejects(echo(type, [1], value), refused(/input "x"/), `${type} ${value}`);
  }
});

test("what does not tell its dims is refused with the dims expected", async () => {
  const session = await load(identity("float32", ["n", "m"]));
  await assert.rejects(
    session.run({ x: new Float32Array(6) }),
    refused(/expected float32\[n,m\], got 6 values/),
  );
  await assert.rejects(session.run({ x: [[1, 2], [3]] }), refused(/not all of one length/));
  await assert.rejects(session.run({ x: null }), refused(/got null/));
  await assert.rejects(session.run({ x: undefined }), refused(/got undefined/));
  await assert.rejects(session.run({ x: {} }), refused(/got object/));
  const endless = [];
  endless.push(endless);
  await assert.rejects(session.run({ x: endless }), refused(/nested deeper/));
  await assert.rejects(session.run({ x: { type: "float32", dims: null, data: [1] } }), refused(/dims/));
  await assert.rejects(session.run(null), refused(/inputs by name/));
  await assert.rejects(session.run(new Float32Array(2)), refused(/inputs by name/));
  assert.deepEqual((await session.run({ x: [[1]] })).y.dims, [1, 1]);
});

test("a tensor's data fits its type and dims", () => {
  assert.throws(
    () => new Tensor("float32", new Float32Array(3), [2]),
    refused(/takes 2 values, and data has 3/),
  );
  assert.throws(() => new Tensor("float32", new Float32Array(3), [-3]), refused(/dims/));
  assert.throws(() => new Tensor("float32", new Float32Array(3), [1.5, 2]), refused(/dims/));
  assert.throws(
    () => new Tensor("float", new Float32Array(3)),
    refused(/"float" is not an element type: use float32/),
  );
  assert.throws(() => new Tensor("toString", new Float32Array(3)), refused(/not an element type/));
  assert.throws(() => new Tensor("string", new Float32Array(3)), refused(/array of strings/));
  const tensor = new Tensor("int32", [1, 2, 3, 4], [2, 2]);
  assert.equal(tensor.size, 4);
  assert.ok(tensor.data instanceof Int32Array);
  assert.throws(() => tensor.dims.push(1), TypeError);
});

test("numbers become the nearest float16", async () => {
  const numbers = [
    0,
    -0,
    1,
    -2,
    65504,
    65519,
    65520,
    1e9,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    0.1,
    2049,
    2051,
  ];
  const bits = [
    0, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 0x7c00, 0x0400, 1, 0, 2, 0x2e66, 0x6800, 0x6802,
  ];
  const { data } = new Tensor("float16", [...numbers, NaN]);
  assert.deepEqual([...new Uint16Array(data.buffer)], [...bits, 0x7e00]);
});

test("a buffer that was transferred away is named", async () => {
  const session = await load(scale);
  const data = new Float32Array(3);
  const x = new Tensor("float32", data, [1, 3]);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  await assert.rejects(
    session.run({ x }),
    refused(/input "x": float32\[1,3\] takes 3 values, and data has 0/),
  );
});
