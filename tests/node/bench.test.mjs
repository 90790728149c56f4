/** What the benchmarks stand on: the models they generate, how they take times, and when they say that numbers differ. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, Tensor } from "edgewise";
import { compareOutputs } from "../../bench/comparison.js";
import { Contender, measureTogether } from "../../bench/contest.js";
import { microModels, networks, scalings } from "../../bench/generated/catalogue.js";
import { geometricMean, measureInTurns, summarise } from "../../bench/measurement.js";
import { float, writeModel } from "../../bench/onnx-writer.js";
import { measurePeaks } from "../../bench/peak.js";
import { drawTensor, seedRandom } from "../../bench/random.js";
import { decodeModel, encodeModel, float as floatAttribute } from "../onnx.mjs";

const drawInputs = (inputs) => {
  const random = seedRandom(1);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const { type, dims, data } = drawTensor(random, shape);
      return [name, new Tensor(type, data, dims)];
    }),
  );
};

test("every generated model loads and gives numbers that differ", async () => {
  for (const { name, inputs, write } of [...microModels, ...networks]) {
    const session = await load(write());
    const [output] = Object.values(await session.run(drawInputs(inputs)));
    const values = Array.from(output.data, Number);
    assert.ok(values.every(Number.isFinite), name);
    assert.ok(new Set(values).size > values.length / 1000 + 1, `${name} gives much the same`);
    await session.release();
  }
});

test("models that grow take every size", async () => {
  for (const { model, sizes, dimsOf } of scalings) {
    const session = await load(model.write());
    const dims = dimsOf(sizes[1]);
    const inputs = Object.entries(model.inputs).map(([name, shape]) => [
      name,
      { ...shape, dims: dims[name] },
    ]);
    await session.run(drawInputs(Object.fromEntries(inputs)));
    await session.release();
  }
});

test("the writer writes what the tests' own writes", () => {
  const spec = (floatOf) => ({
    inputs: [{ name: "x", type: "float32", dims: ["batch", 3] }],
    outputs: [{ name: "y", type: "float32", dims: ["batch", 3] }],
    initializers: [{ name: "w", type: "int64", dims: [2], data: BigInt64Array.of(1n, -2n) }],
    nodes: [
      {
        op: "Thing",
        domain: "some.where",
        inputs: ["x", "", "w"],
        outputs: ["y"],
        attributes: {
          i: -3,
          f: floatOf(2),
          s: "text",
          ints: [1, -1, 300],
          floats: floatOf([1, 2.5]),
          strings: ["a", "b"],
        },
      },
    ],
    opset: { "ai.onnx": 17, "some.where": 1 },
  });
  const written = decodeModel(Buffer.from(writeModel(spec(float))));
  const expected = decodeModel(encodeModel({ ...spec(floatAttribute), producerName: "edgewise-bench" }));
  const plain = (model) =>
    JSON.parse(JSON.stringify(model, (_, value) => (value === "" ? undefined : value)));
  assert.deepEqual(plain(written), plain(expected));
});

test("the least and the median are of all samples", async () => {
  assert.deepEqual(summarise([5, 1, 9]), { minimum: 1, median: 5, samples: 3 });
  assert.ok(Math.abs(geometricMean([0.5, 8]) - 2) < 1e-9);
  const order = [];
  const work = (name) => async () => void order.push(name);
  const times = await measureInTurns([work("a"), work("b")], { milliseconds: 1e4, samples: 5 });
  assert.deepEqual(
    times.map(({ samples }) => samples),
    [5, 5],
  );
  const turns = order.filter((name, index) => name !== order[index - 1]);
  assert.equal(turns.join(""), "ab".repeat(6));
});

test("an engine that fails ends alone, and other numbers are noticed", async () => {
  const source = {
    readModel: () => new Uint8Array(),
    readExternalData: () => ({}),
    readInputs: () => ({}),
    isQuantised: false,
  };
  const engine = (value) => async () => async () => ({
    toInputs: () => ({}),
    run: async () => {
      if (value === undefined) throw new Error("no such thing");
      return { y: { type: "float32", dims: [2], data: Float32Array.of(1, value) } };
    },
    tellBuild: () => "none",
    release: async () => {},
  });
  const contenders = [1, undefined, 1.5].map(
    (value, index) => new Contender(`engine${index}`, engine(value), source),
  );
  await measureTogether(contenders, { milliseconds: 5, samples: 3 });
  const [own, broken, other] = contenders.map(({ report }) => report);
  assert.equal(own.fault, undefined);
  assert.ok(own.later.samples >= 3);
  assert.equal(broken.fault, "no such thing");
  assert.ok(Math.abs(other.apart - 0.5 / 1.5) < 1e-6 || Math.abs(other.apart - 0.5) < 1e-6);
  assert.equal(compareOutputs({}, { y: [new Map()] }, false), undefined);
});

test("the peak of this machine is measured", async () => {
  const peaks = await measurePeaks();
  assert.ok(peaks["f32 mul + add"] > 0.1);
  assert.ok(peaks["i16 dot + i32 add"] > 0.1);
});
