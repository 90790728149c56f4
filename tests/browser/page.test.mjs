/** The package as it stands, in a page of a real Chromium, with no bundler: what only a browser has or does. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import sirv from "sirv";
import { launchChromium } from "../chromium.mjs";
import { images, mnist, nested, scale, sentences } from "../node/models.mjs";

const root = new URL("../../", import.meta.url);
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const isolation = [
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-embedder-policy", "require-corp"],
];

let browser;
let server;
let origin;
const requests = [];
/** Whether pages are served with the headers that give them threads. */
let isIsolated = false;

/** Runs models on threads, in a page or in a worker of one, whose script this is. */
const useThreads = `
  const { init, load } = await import("/index.js");
  await init({ threads: 3 });
  const hash = async (data) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))].join();
  const found = [];
  for (const name of ["images", "sentences"]) {
    const session = await load("/" + name + ".onnx");
    const x = new Float32Array(await (await fetch("/" + name + ".bin")).arrayBuffer());
    let y;
    for (let run = 0; run < 10; run += 1) ({ y } = await session.run({ x }));
    const { build, threads } = session.stats();
    found.push(build, threads, await hash(y.data));
  }
`;

before(async () => {
  const scripts = {
    "/module.js": `${useThreads} export default found;`,
    "/worker.js": `${useThreads} postMessage(found);`,
  };
  const files = {
    ...Object.fromEntries(
      Object.entries({ images, sentences }).flatMap(([name, { model, inputs }]) => [
        [`/${name}.onnx`, model],
        [`/${name}.bin`, new Uint8Array(inputs.x.buffer)],
      ]),
    ),
    "/mnist.onnx": mnist,
    "/scale.onnx": scale,
    "/nested.onnx": nested,
  };
  const serveFile = sirv(new URL("pkg/dist", root).pathname, { dev: true });
  server = createServer((request, response) => {
    requests.push(request.url);
    response.setHeader("content-security-policy", policy);
    if (isIsolated) for (const [name, value] of isolation) response.setHeader(name, value);
    const path = request.url.split("?")[0];
    if (path === "/")
      return response.setHeader("content-type", "text/html").end("<!doctype html><title>edgewise</title>");
    if (path === "/page.html") return response.setHeader("content-type", "text/html").end("<!doctype html>");
    if (scripts[path]) return response.setHeader("content-type", "text/javascript").end(scripts[path]);
    if (files[path]) return response.end(files[path]);
    serveFile(request, response, () => response.writeHead(404).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Runs `work` in a fresh page, which must not complain of anything. */
async function inPage(work, argument) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() !== "log" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(origin);
  const result = await page.evaluate(work, argument);
  await context.close();
  // A test that asks for a page that is not there gets a line for it.
  assert.deepEqual(
    complaints.filter((text) => !text.includes("404")),
    [],
  );
  return result;
}

test("a page imports, loads and runs under a strict CSP, and asks for nothing else", async () => {
  requests.length = 0;
  const found = await inPage(async () => {
    const { load } = await import("/index.js");
    const session = await load("/mnist.onnx");
    const { Plus214_Output_0: y } = await session.run({ Input3: new Float32Array(784) });
    return { dims: y.dims, size: y.data.length, ...pick(session.stats()) };
    function pick({ build, threads }) {
      return { build, threads };
    }
  });
  assert.deepEqual(found, { dims: [1, 10], size: 10, build: "relaxed-simd", threads: 1 });
  const wasm = requests.filter((url) => url.endsWith(".wasm"));
  assert.deepEqual(wasm, ["/wasm/edgewise_relaxed_bg.wasm"]);
  assert.ok(
    requests.every((url) => /^\/(?:$|favicon|[\w./-]+\.(?:js|wasm|onnx)$)/.test(url)),
    requests.join(),
  );
});

test("an isolated page runs on threads, on its main thread and in a worker, with the same bits as one thread", async () => {
  const run = async (script) => {
    requests.length = 0;
    const found = await inPage(async (source) => {
      if (source === "/worker.js") {
        const worker = new Worker(source, { type: "module" });
        return new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = reject;
        });
      }
      return (await import(source)).default;
    }, script);
    assert.equal(requests.filter((url) => url.endsWith(".wasm")).length, 1, requests.join());
    return found;
  };
  const alone = await run("/module.js");
  assert.deepEqual([alone[0], alone[1]], ["relaxed-simd", 1]);
  isIsolated = true;
  try {
    for (const script of ["/module.js", "/worker.js"]) {
      const found = await run(script);
      assert.deepEqual([found[0], found[1]], ["relaxed-simd threads", 3], script);
      assert.deepEqual([found[2], found[5]], [alone[2], alone[5]], script);
    }
  } finally {
    isIsolated = false;
  }
});

test("an isolated page has threads unasked", async () => {
  isIsolated = true;
  const stats = async () =>
    inPage(async () => {
      const { load } = await import("/index.js");
      const { build, threads } = (await load("/mnist.onnx")).stats();
      return { build, threads, cores: navigator.hardwareConcurrency };
    });
  try {
    const { build, threads, cores } = await stats();
    assert.deepEqual({ build, threads }, { build: "relaxed-simd threads", threads: Math.min(4, cores) });
  } finally {
    isIsolated = false;
  }
});

test("the cache keeps a good model and nothing else", async () => {
  const integrity = `sha256-${"A".repeat(43)}=`;
  requests.length = 0;
  const found = await inPage(async (wrong) => {
    const { load } = await import("/index.js");
    const codes = [];
    const names = async () =>
      Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).length));
    const attempt = (url, options) =>
      load(url, options).then(
        (session) => session.release(),
        (error) => codes.push(error.code),
      );
    await attempt("/mnist.onnx", { cache: "models", integrity: wrong });
    const afterWrong = await names();
    await attempt("/page.html", { cache: "models" });
    await attempt("/none.onnx", { cache: "models" });
    const afterBad = await names();
    await attempt("/mnist.onnx", { cache: "models" });
    await attempt("/mnist.onnx", { cache: "models" });
    return { codes, afterWrong, afterBad, last: await names(), keys: await caches.keys() };
  }, integrity);
  assert.deepEqual(found.codes, ["MODEL_INTEGRITY", "MODEL_INVALID", "MODEL_FETCH_FAILED"]);
  assert.deepEqual([found.afterWrong, found.afterBad, found.last], [[0], [0], [1]]);
  assert.deepEqual(found.keys, ["models"]);
  assert.equal(requests.filter((url) => url === "/mnist.onnx").length, 2);
});

test("after a crash on the main thread the next load works", async () => {
  const found = await inPage(async () => {
    const { load, Tensor } = await import("/index.js");
    const session = await load("/nested.onnx");
    const inputs = { c: true, x: new Tensor("float32", new Float32Array(1), [1]) };
    const codes = [];
    const descend = () => {
      try {
        descend();
      } catch (error) {
        if (!codes.includes("ENGINE_CRASHED") && codes.length < 1000) {
          try {
            session.runSync(inputs);
            codes.push("ran");
          } catch (inner) {
            codes.push(inner.code);
          }
        }
        throw error;
      }
    };
    try {
      descend();
    } catch {}
    const next = await load("/scale.onnx");
    const { y } = await next.run({ x: [[1, 1, 1]] });
    const dead = await session.run(inputs).catch((error) => error.code);
    return { crashed: codes.includes("ENGINE_CRASHED"), y: [...y.data], dead };
  });
  assert.deepEqual(found, { crashed: true, y: [1, 2, 3], dead: "ENGINE_CRASHED" });
});

test("a File and an ImageData's clamped bytes are taken", async () => {
  const model = [...readFileSync(new URL("../models/mnist_cntk/model.onnx", import.meta.url))];
  const size = await inPage(async (bytes) => {
    const { load, Tensor } = await import("/index.js");
    const session = await load(new File([new Uint8Array(bytes)], "mnist.onnx"));
    return session.inputs.length + new Tensor("uint8", new ImageData(2, 2).data, [2, 2, 4]).size;
  }, model);
  assert.equal(size, 17);
});
