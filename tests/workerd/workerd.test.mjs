/** The packed package in workerd, the runtime of Cloudflare Workers, bundled the way wrangler bundles. */

import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { compareTensor } from "../compare.mjs";
import { readNpz } from "../npz.mjs";
import { encodeModel } from "../onnx.mjs";
import { installPacked } from "../packed.mjs";

const readModelFile = (path) => readFileSync(new URL(`../models/${path}`, import.meta.url));
const mnist = readModelFile("mnist_cntk/model.onnx");
const [pixels] = Object.values(readNpz(readModelFile("mnist_cntk/inputs.npz")));
const digits = readNpz(readModelFile("mnist_cntk/outputs.npz"));

/** The addresses that the Worker asked for; it must need none. */
const outbound = [];
let packed;
let runtime;

before(async () => {
  packed = installPacked();
  runtime = new Miniflare({
    modules: await bundleWorker(packed),
    compatibilityDate: "2026-04-01",
    outboundService(request) {
      outbound.push(request.url);
      return new Response("unreachable", { status: 503 });
    },
  });
  await runtime.ready;
});

after(async () => {
  await runtime?.dispose();
  packed?.remove();
});

/** The modules of the deployed Worker: the bundled script, the wasm that workerd compiles, and the data files. */
async function bundleWorker({ directory, installed }) {
  const entry = join(directory, "worker.js");
  copyFileSync(fileURLToPath(new URL("./worker.js", import.meta.url)), entry);
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    plugins: [{ name: "modules", setup: leaveModulesOut }],
  });
  return [
    { type: "ESModule", path: "worker.js", contents: outputFiles[0].text },
    {
      type: "CompiledWasm",
      path: "edgewise_relaxed_bg.wasm",
      contents: readFileSync(join(installed, "dist/wasm/edgewise_relaxed_bg.wasm")),
    },
    { type: "Data", path: "mnist.onnx", contents: mnist },
    { type: "Data", path: "pixels.bin", contents: new Uint8Array(pixels.data.buffer) },
  ];
}

function leaveModulesOut(bundler) {
  bundler.onResolve({ filter: /\.(wasm|onnx|bin)$/ }, ({ path }) => ({
    path: `./${path.split("/").at(-1)}`,
    external: true,
  }));
}

async function ask(path, init) {
  const response = await runtime.dispatchFetch(`http://worker.test${path}`, init);
  return { status: response.status, ...(await response.json()) };
}

function assertDigits(answer) {
  for (const [name, expected] of Object.entries(digits)) {
    assert.equal(compareTensor(answer[name], expected, { tolerance: 1e-3 }).fault, undefined, name);
  }
}

test("workerd refuses to compile wasm from bytes", async () => {
  const { error } = await ask("/compile");
  assert.match(error.message, /code generation disallowed/);
});

test("a model deployed with the Worker gives the reference's numbers", async () => {
  const { status, answer, error } = await ask("/bundled");
  assert.deepEqual(error, undefined);
  assert.equal(status, 200);
  assertDigits(answer);
});

test("a model from a request body gives the reference's numbers", async () => {
  const { answer, error } = await ask("/upload", { method: "POST", body: mnist });
  assert.deepEqual(error, undefined);
  assertDigits(answer);
});

test("every kind of element crosses the boundary", async () => {
  const inputs = readNpz(readModelFile("io_dtypes/inputs.npz"));
  const expected = readNpz(readModelFile("io_dtypes/outputs.npz"));
  const body = JSON.stringify({
    model: [...readModelFile("io_dtypes/model.onnx")],
    inputs: mapValues(inputs, ({ data, ...rest }) => ({ ...rest, data: [...data] })),
  });
  const { answer, error } = await ask("/types", { method: "POST", body });
  assert.deepEqual(error, undefined);
  assert.equal(answer.sq.array, "BigInt64Array");
  assert.equal(answer.f64.array, "Float64Array");
  assert.equal(answer.bo.array, "Uint8Array");
  assert.deepEqual(
    mapValues(answer, ({ type, dims }) => ({ type, dims })),
    mapValues(expected, ({ type, dims }) => ({ type, dims })),
  );
  for (const name of ["sum_f", "sq", "bo", "f64", "b2n", "bx", "i8", "u8o"]) {
    assert.deepEqual(answer[name].data, Array.from(expected[name].data, Number), name);
  }
});

test("bad models are errors with a code, and the same isolate keeps serving", async () => {
  const { isolate, served } = await ask("/bundled");
  const unsupported = encodeModel({
    inputs: [{ name: "x", type: "float32", dims: [1] }],
    outputs: [{ name: "y", type: "float32", dims: [1] }],
    nodes: [{ op: "NoSuchOperator", inputs: ["x"], outputs: ["y"], name: "odd" }],
  });
  const faults = [
    [mnist.subarray(0, 1000), "MODEL_INVALID"],
    [Buffer.from("<!doctype html><title>Not found</title>"), "MODEL_INVALID"],
    [unsupported, "OP_UNSUPPORTED"],
  ];
  for (const [body, code] of faults) {
    const { status, error } = await ask("/upload", { method: "POST", body });
    assert.equal(status, 400);
    assert.equal(error.name, "InferenceError");
    assert.equal(error.code, code, error.message);
  }
  const later = await ask("/bundled");
  assertDigits(later.answer);
  assert.equal(later.isolate, isolate);
  assert.equal(later.served, served + faults.length + 1);
});

test("the Worker makes no request of its own", () => {
  assert.deepEqual(outbound, []);
});

function mapValues(record, change) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
