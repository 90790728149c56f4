/** Every element type crosses the boundary both ways without loss. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Tensor } from "edgewise";
import { encodeModel } from "../onnx.mjs";
import { identity } from "./models.mjs";

const halves = new Uint16Array([0, 0x8000, 0x3c00, 0x7bff, 0x0001, 0x7c00, 0xfc00, 0x7e00]);

const values = {
  float32: new Float32Array([0, -0, 1.5, 3.4028234663852886e38, 1e-45, Infinity, -Infinity, NaN]),
  float64: new Float64Array([0, -0, Math.PI, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity, NaN]),
  float16: "Float16Array" in globalThis ? new globalThis.Float16Array(halves.buffer) : halves,
  int8: new Int8Array([-128, -1, 0, 127]),
  int16: new Int16Array([-32768, -1, 0, 32767]),
  int32: new Int32Array([-2147483648, -1, 0, 2147483647]),
  int64: new BigInt64Array([-(2n ** 63n), -1n, 0n, 2n ** 53n + 1n, 2n ** 63n - 1n]),
  uint8: new Uint8Array([0, 1, 128, 255]),
  uint16: new Uint16Array([0, 1, 65535]),
  uint32: new Uint32Array([0, 1, 4294967295]),
  uint64: new BigUint64Array([0n, 2n ** 53n + 1n, 2n ** 64n - 1n]),
  bool: new Uint8Array([0, 1, 1, 0]),
  bfloat16: new Uint16Array([0, 0x8000, 0x3f80, 0x7f80, 0xffff]),
  int4: new Int8Array([-8, -1, 0, 7, 3]),
  uint4: new Uint8Array([0, 1, 8, 15, 3]),
  int2: new Int8Array([-2, -1, 0, 1, -2]),
  uint2: new Uint8Array([0, 1, 2, 3, 2]),
  float8e4m3fn: new Uint8Array([0, 0x80, 0x38, 0x7f]),
  float8e4m3fnuz: new Uint8Array([0, 0x40, 0x7f, 0x80]),
  float8e5m2: new Uint8Array([0, 0x80, 0x3c, 0x7c]),
  float8e5m2fnuz: new Uint8Array([0, 0x40, 0x7f, 0x80]),
  float8e8m0: new Uint8Array([0, 127, 254, 255]),
  float4e2m1: new Uint8Array([0, 1, 8, 15]),
  string: ["", "a", "\u{e9}\u{1f600}", "\u{feff}bom", "a\0b"],
};

for (const [type, data] of Object.entries(values)) {
  test(`${type} comes back as it went`, async () => {
    const session = await load(identity(type, ["n"]));
    const { y } = await session.run({ x: new Tensor(type, data, [data.length]) });
    assert.equal(y.type, type);
    assert.deepEqual(y.dims, [data.length]);
    assert.deepEqual(y.data, data);
    assert.equal(Object.getPrototypeOf(y.data), Object.getPrototypeOf(data));
    await session.release();
  });

  test(`${type} scalars and zero-length tensors come back as they went`, async () => {
    for (const dims of [[], [0], [2, 0, 3], [1, 1]]) {
      const session = await load(
        identity(
          type,
          dims.map((_, axis) => `d${axis}`),
        ),
      );
      const size = dims.reduce((product, dim) => product * dim, 1);
      const { y } = await session.run({ x: new Tensor(type, data.slice(0, size), dims) });
      assert.deepEqual(y.dims, dims);
      assert.deepEqual(y.data, data.slice(0, size));
      await session.release();
    }
  });
}

test("the bits of a NaN stay", async () => {
  const bits = new Uint32Array([0x7fc00001, 0xffc12345]);
  const session = await load(identity("float32", [2]));
  const { y } = await session.run({ x: new Tensor("float32", new Float32Array(bits.buffer), [2]) });
  assert.deepEqual(new Uint32Array(y.data.buffer), bits);
});

test("a view into a larger buffer is read at its place", async () => {
  const session = await load(identity("float32", [2]));
  const whole = new Float32Array([1, 2, 3, 4]);
  const { y } = await session.run({ x: new Tensor("float32", whole.subarray(1, 3), [2]) });
  assert.deepEqual([...y.data], [2, 3]);
  const odd = new Uint8Array(new Float32Array([5, 6]).buffer);
  const shifted = new Uint8Array(9);
  shifted.set(odd, 1);
  const bytes = await load(identity("uint8", [8]));
  assert.deepEqual((await bytes.run({ x: new Tensor("uint8", shifted.subarray(1), [8]) })).y.data, odd);
});

test("any byte but 0 is true", async () => {
  const session = await load(identity("bool", [3]));
  const { y } = await session.run({ x: new Tensor("bool", new Uint8Array([0, 1, 255]), [3]) });
  assert.deepEqual([...y.data], [0, 1, 1]);
});

test("outputs own their memory", async () => {
  const session = await load(identity("float32", [1]));
  const first = await session.run({ x: new Tensor("float32", new Float32Array([1]), [1]) });
  await session.run({ x: new Tensor("float32", new Float32Array([2]), [1]) });
  await session.release();
  assert.deepEqual([...first.y.data], [1]);
  assert.equal(first.y.data.buffer.byteLength, 4);
});

test("outputs come back by their own names, whatever the names are", async () => {
  const names = ["b", "a", "__proto__", "toString", "0"];
  const session = await load(
    encodeModel({
      inputs: [{ name: "x", type: "float32", dims: [1] }],
      outputs: names.map((name) => ({ name, type: "float32", dims: [1] })),
      initializers: names.map((name, index) => ({
        name: `w${name}`,
        type: "float32",
        dims: [1],
        data: [index],
      })),
      nodes: names.map((name) => ({ op: "Add", inputs: ["x", `w${name}`], outputs: [name] })),
    }),
  );
  const outputs = await session.run({ x: [10] });
  assert.deepEqual(Object.keys(outputs).sort(), [...names].sort());
  for (const [index, name] of names.entries()) {
    assert.deepEqual([...Object.getOwnPropertyDescriptor(outputs, name).value.data], [10 + index]);
  }
  assert.deepEqual(Object.keys(await session.run({ x: [10] }, { outputs: ["a"] })), ["a"]);
});

test("named, fixed and unknown dims are told apart", async () => {
  const session = await load(identity("float32", ["batch", 3, null]));
  assert.deepEqual(session.inputs, [
    { name: "x", type: "float32", dims: ["batch", 3, null], kind: "tensor" },
  ]);
  const ranks = await load(
    encodeModel({
      inputs: [{ name: "x", type: "int32" }],
      outputs: [{ name: "y", type: "int32" }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    }),
  );
  assert.deepEqual(ranks.inputs, [{ name: "x", type: "int32", dims: null, kind: "tensor" }]);
  const { y } = await ranks.run({ x: new Tensor("int32", new Int32Array(4), [2, 2]) });
  assert.deepEqual(y.dims, [2, 2]);
});
