/** Where a model may come from, and what happens on the way. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { InferenceError, inspect, load } from "edgewise";
import { encodeModel } from "../onnx.mjs";
import { mnist, scale } from "./models.mjs";

const failed =
  (code, pattern = /./) =>
  (error) =>
    error instanceof InferenceError && error.code === code && pattern.test(error.message);

/** @type {Record<string, (request: any, response: any) => void>} */
const pages = {
  "/mnist.onnx": (_, response) => response.setHeader("content-length", mnist.length).end(mnist),
  "/chunked.onnx": (_, response) =>
    response.write(mnist.subarray(0, 9999), () => response.end(mnist.subarray(9999))),
  "/index.html": (_, response) =>
    response.setHeader("content-type", "text/html").end("<!doctype html><title>Not a model"),
  "/short.onnx": (_, response) => response.end(mnist.subarray(0, 9999)),
  "/broken.onnx": (_, response) =>
    response.writeHead(200, { "content-length": 9999 }).write("x", () => response.destroy()),
  "/slow.onnx": (_, response) =>
    response.writeHead(200, { "content-length": mnist.length }).write(mnist.subarray(0, 100)),
};
const server = createServer((request, response) => {
  const page = pages[request.url];
  if (page) page(request, response);
  else response.writeHead(404).end("no such page");
});
let origin;
let directory;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${server.address().port}`;
  directory = mkdtempSync(join(tmpdir(), "edgewise-"));
  writeFileSync(join(directory, "mnist.onnx"), mnist);
});

after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

function streamOf(bytes, part) {
  let position = 0;
  return new ReadableStream({
    pull(controller) {
      if (position >= bytes.length) return controller.close();
      controller.enqueue(new Uint8Array(bytes.subarray(position, position + part)));
      position += part;
    },
  });
}

test("a model comes from anything that gives bytes", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(mnist.length));
  shared.set(mnist);
  const padded = new Uint8Array(mnist.length + 7);
  padded.set(mnist, 3);
  const buffer = new Uint8Array(mnist).buffer;
  const sources = {
    "a Buffer": mnist,
    "an ArrayBuffer": buffer,
    "a SharedArrayBuffer": shared.buffer,
    "a view into a buffer": padded.subarray(3, 3 + mnist.length),
    "a DataView": new DataView(buffer),
    "a Blob": new Blob([mnist]),
    "a stream": streamOf(mnist, 1000),
    "a stream of single bytes": streamOf(scale, 1),
    "a URL as a string": `${origin}/mnist.onnx`,
    "a URL": new URL(`${origin}/mnist.onnx`),
    "a Request": new Request(`${origin}/chunked.onnx`),
    "a Response": await fetch(`${origin}/mnist.onnx`),
    "a promise of a Response": fetch(`${origin}/chunked.onnx`),
    "a Response made here": new Response(mnist),
    "a path": join(directory, "mnist.onnx"),
    "a file URL": pathToFileURL(join(directory, "mnist.onnx")),
    "a file URL as a string": pathToFileURL(join(directory, "mnist.onnx")).href,
  };
  for (const [name, source] of Object.entries(sources)) {
    const session = await load(source);
    assert.equal(session.outputs.length, 1, name);
    await session.release();
  }
});

test("progress is told by phase, and its bytes add up", async () => {
  const seen = [];
  await load(`${origin}/mnist.onnx`, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], ["engine", "download", "prepare", "ready"]);
  const downloads = seen.filter(({ phase }) => phase === "download");
  assert.deepEqual(downloads.at(-1), { phase: "download", loaded: mnist.length, total: mnist.length });
  assert.ok(downloads.every(({ loaded }, index) => index === 0 || loaded > downloads[index - 1].loaded));
  const unknown = [];
  await load(`${origin}/chunked.onnx`, { onProgress: (progress) => unknown.push(progress) });
  assert.equal(unknown.find(({ phase }) => phase === "download").total, undefined);
});

test("what cannot be fetched says from where and why", async () => {
  await assert.rejects(
    load(`${origin}/nowhere.onnx`),
    failed("MODEL_FETCH_FAILED", /nowhere\.onnx: status 404/),
  );
  await assert.rejects(
    load("http://127.0.0.1:9/m.onnx"),
    failed("MODEL_FETCH_FAILED", /127\.0\.0\.1:9\/m\.onnx/),
  );
  await assert.rejects(load(`${origin}/broken.onnx`), failed("MODEL_FETCH_FAILED", /broken\.onnx/));
  await assert.rejects(load(join(directory, "none.onnx")), failed("MODEL_FETCH_FAILED", /none\.onnx/));
  await assert.rejects(load(directory), failed("MODEL_FETCH_FAILED"));
  const used = new Response(mnist);
  await used.arrayBuffer();
  await assert.rejects(load(used), failed("MODEL_FETCH_FAILED", /already been read/));
  await assert.rejects(load(new Response("no", { status: 500 })), failed("MODEL_FETCH_FAILED", /500/));
  const locked = streamOf(mnist, 10);
  locked.getReader();
  await assert.rejects(load(locked), failed("MODEL_FETCH_FAILED", /taken/));
  const words = new ReadableStream({ start: (controller) => controller.enqueue("words") });
  await assert.rejects(load(words), failed("MODEL_FETCH_FAILED", /other than Uint8Arrays/));
  await assert.rejects(load(Promise.reject(new Error("no luck"))), failed("MODEL_FETCH_FAILED", /no luck/));
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  await assert.rejects(load(detached), failed("MODEL_INVALID", /empty/));
  for (const source of [undefined, null, 7, {}, [], { href: 5 }])
    await assert.rejects(load(source), failed("INPUT_INVALID", /source/));
});

test("a page served as a model is named, and so is its address", async () => {
  await assert.rejects(load(`${origin}/index.html`), failed("MODEL_INVALID", /index\.html: .*HTML page/));
  await assert.rejects(load(`${origin}/short.onnx`), failed("MODEL_INVALID", /short\.onnx: .*truncated/));
  await (await load(mnist)).release();
});

test("an aborted load ends at once", async () => {
  await assert.rejects(load(mnist, { signal: AbortSignal.abort() }), failed("ABORTED"));
  const controller = new AbortController();
  const reason = new Error("enough");
  const loading = load(`${origin}/slow.onnx`, {
    signal: controller.signal,
    onProgress: ({ phase, loaded }) => phase === "download" && loaded === 100 && controller.abort(reason),
  });
  await assert.rejects(loading, (error) => error.code === "ABORTED" && error.cause === reason);
  const never = new Promise(() => {});
  await assert.rejects(load(never, { signal: AbortSignal.timeout(20) }), failed("ABORTED"));
  let isCancelled = false;
  const stream = new ReadableStream({
    cancel() {
      isCancelled = true;
    },
  });
  await assert.rejects(load(stream, { signal: AbortSignal.timeout(20) }), failed("ABORTED"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(isCancelled, "the stream should be cancelled");
  await (await load(mnist)).release();
});

test("a load that is aborted or fails in any phase leaves nothing behind", async () => {
  const bystander = await load(scale);
  for (const phase of ["engine", "download", "prepare", "ready"]) {
    const controller = new AbortController();
    const onProgress = (progress) => progress.phase === phase && controller.abort();
    await assert.rejects(load(mnist, { signal: controller.signal, onProgress }), failed("ABORTED"), phase);
    const fail = () => {
      throw new TypeError("of the caller");
    };
    const round = () =>
      assert.rejects(
        load(mnist, { onProgress: (progress) => progress.phase === phase && fail() }),
        TypeError,
      );
    for (let index = 0; index < 20; index += 1) await round();
    const { engineBytes } = bystander.memory();
    for (let index = 0; index < 200; index += 1) await round();
    assert.equal(bystander.memory().engineBytes, engineBytes, phase);
  }
});

test("bytes that are not those asked for are told as such, whatever they are", async () => {
  const integrity = `sha256-${createHash("sha256").update(mnist).digest("base64")}`;
  for (const other of [new Uint8Array(), new TextEncoder().encode("<html>"), mnist.subarray(0, 99), scale]) {
    await assert.rejects(load(other, { integrity }), failed("MODEL_INTEGRITY"));
  }
  const html = new TextEncoder().encode("\ufeff<html>");
  const same = `sha256-${createHash("sha256").update(html).digest("base64")}`;
  await assert.rejects(load(html, { integrity: same }), failed("MODEL_INVALID", /HTML/));
});

test("integrity is checked with every algorithm of SRI", async () => {
  for (const algorithm of ["sha256", "sha384", "sha512"]) {
    const good = `${algorithm}-${createHash(algorithm).update(mnist).digest("base64")}`;
    const bad = `${algorithm}-${createHash(algorithm).update("other").digest("base64")}`;
    await (await load(mnist, { integrity: good })).release();
    await (await load(`${origin}/chunked.onnx`, { integrity: `${bad} ${good}` })).release();
    await assert.rejects(
      load(mnist, { integrity: bad }),
      (error) => failed("MODEL_INTEGRITY")(error) && error.expected === bad && error.actual === good,
    );
  }
  for (const integrity of ["", "sha1-AAAA", "sha256-AAAA", "rubbish"]) {
    await assert.rejects(load(mnist, { integrity }), failed("INPUT_INVALID", /integrity/));
  }
});

const external = encodeModel({
  inputs: [{ name: "x", type: "float32", dims: [3] }],
  outputs: [{ name: "y", type: "float32", dims: [3] }],
  initializers: [
    { name: "a", type: "float32", dims: [3], external: { location: "weights/a.bin", offset: 4, length: 12 } },
    { name: "b", type: "float32", dims: [3], external: { location: "weights/a.bin" } },
  ],
  nodes: [
    { op: "Add", inputs: ["x", "a"], outputs: ["sum"] },
    { op: "Add", inputs: ["sum", "b"], outputs: ["y"] },
  ],
});

test("external data is handed in by name", async () => {
  const file = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
  for (const source of [file, new Blob([file]), streamOf(file, 3), new Response(file)]) {
    const phases = new Set();
    const session = await load(external, {
      externalData: { "weights/a.bin": source },
      onProgress: ({ phase }) => phases.add(phase),
    });
    assert.deepEqual([...(await session.run({ x: [0, 0, 0] })).y.data], [3, 5, 7]);
    assert.ok(phases.has("external"));
  }
  await assert.rejects(load(external), failed("INPUT_INVALID", /"weights\/a\.bin" \(for "a" and 1 more\)/));
  assert.equal((await inspect(external)).inputs[0].name, "x");
  const limited = { externalData: { "weights/a.bin": file }, limits: { modelBytes: external.length + 15 } };
  await assert.rejects(load(external, limited), failed("LIMIT_EXCEEDED", /external data/));
  const short = { externalData: { "weights/a.bin": file.subarray(0, 8) } };
  await assert.rejects(load(external, short), failed("MODEL_INVALID", /truncated: it has 8 bytes of 16/));
});

test("limits are kept", async () => {
  await assert.rejects(
    load(scale, { limits: { tensorBytes: 11 } }),
    failed("LIMIT_EXCEEDED", /initializer "w": /),
  );
  await assert.rejects(load(mnist, { limits: { modelBytes: 1000 } }), failed("LIMIT_EXCEEDED", /1000 bytes/));
  await assert.rejects(
    load(mnist, { limits: { tensorBytes: 1000 } }),
    failed("LIMIT_EXCEEDED", /1000 bytes/),
  );
});

test("a model's bytes have their SHA-256, wherever they come from", async () => {
  const expected = createHash("sha256").update(mnist).digest("hex");
  const integrity = `sha384-${createHash("sha384").update(mnist).digest("base64")}`;
  for (const [source, options] of [
    [mnist, {}],
    [mnist, { integrity }],
    [new Blob([mnist]), {}],
    [new Response(mnist), {}],
  ]) {
    const session = await load(source, options);
    assert.equal(session.metadata.sha256, expected);
    await session.release();
  }
});

test("inspect tells what a model holds, whether it runs or not", async () => {
  const found = await inspect(mnist);
  assert.deepEqual(found.operators, { Add: 3, Conv: 2, MatMul: 1, MaxPool: 2, Relu: 2, Reshape: 2 });
  assert.deepEqual(found.unsupported, {});
  assert.deepEqual(found.opsets, { "ai.onnx": 8 });
  assert.equal(found.metadata.sha256, createHash("sha256").update(mnist).digest("hex"));
  assert.deepEqual(found.inputs, [{ name: "Input3", type: "float32", dims: [1, 1, 28, 28], kind: "tensor" }]);
  const foreign = await inspect(
    encodeModel({
      inputs: [{ name: "x", type: "float32", dims: [1] }],
      outputs: [{ name: "y", type: "float32", dims: [1] }],
      nodes: [{ op: "Blur", domain: "com.example", name: "b", inputs: ["x"], outputs: ["y"] }],
      opset: { "ai.onnx": 17, "com.example": 1 },
      properties: { note: "for tests" },
    }),
  );
  assert.deepEqual(foreign.unsupported, { "com.example.Blur": ["b"] });
  assert.deepEqual(foreign.metadata.properties, { note: "for tests" });
});
