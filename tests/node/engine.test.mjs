/** How the engine starts, from what, and what happens when it cannot. Each test has a process's state of its own. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Runs a script in a new process, in which nothing has been started. */
function runFresh(script, flags = []) {
  const prelude = `
    import assert from "node:assert/strict";
    import { readFileSync } from "node:fs";
    import { init, load, InferenceError } from "edgewise";
    const wasmUrl = import.meta.resolve("edgewise/edgewise.wasm");
    const wasm = readFileSync(new URL(wasmUrl));
    const model = readFileSync(${JSON.stringify(fileURLToPath(new URL("../models/mnist_cntk/model.onnx", import.meta.url)))});
    const failure = (promise) => promise.then(() => assert.fail("it should fail"), (error) => error);
  `;
  const { status, stderr } = spawnSync(
    process.execPath,
    [...flags, "--input-type=module", "-e", prelude + script],
    {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      encoding: "utf8",
    },
  );
  assert.equal(status, 0, stderr);
}

test("importing starts nothing", () => {
  runFresh(`
    // Already imported by now, with these still in place.
    WebAssembly.instantiate = WebAssembly.compile = () => assert.fail("too late or too early");
  `);
});

test("init takes the wasm as a module, bytes, a Response, a promise or a namespace", () => {
  for (const source of [
    "new WebAssembly.Module(wasm)",
    "wasm",
    "wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length)",
    'new Response(wasm, { headers: { "content-type": "application/wasm" } })',
    "Promise.resolve(new Response(wasm))",
    "{ default: new WebAssembly.Module(wasm) }",
  ]) {
    runFresh(`await init({ wasm: ${source} }); await init(); await (await load(model)).release();`);
  }
});

test("a failed init is told and forgotten", () => {
  runFresh(`
    const html = new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
    const error = await failure(init({ wasm: html }));
    assert.ok(error instanceof InferenceError);
    assert.equal(error.code, "ENGINE_LOAD_FAILED");
    assert.match(error.message, /text\\/html.*optimizeDeps.*esbuild/s);
    assert.match((await failure(init({ wasm: new Response("", { status: 404 }) }))).message, /status 404/);
    assert.equal((await failure(init({ wasm: new Uint8Array([0, 97, 115, 109, 1]) }))).code, "ENGINE_LOAD_FAILED");
    assert.equal((await failure(init({ wasm: "http://127.0.0.1:9/x.wasm" }))).code, "ENGINE_LOAD_FAILED");
    await (await load(model)).release();
  `);
});

test("the engine is compiled once, however many loads begin at once", () => {
  runFresh(`
    const { compile } = WebAssembly;
    let count = 0;
    WebAssembly.compile = (...args) => { count += 1; return compile(...args); };
    await Promise.all([load(model), load(model), init(), load(model)]);
    assert.equal(count, 1);
  `);
});

test("LIMIT_EXCEEDED: a tensor that memory has no room for is refused, and the engine works on", () => {
  runFresh(
    `
    const { identity, inflate, scale } = await import("./models.mjs");
    const bystander = await load(scale);
    const { run } = await load(inflate).then((session) => ({ run: () => session.run({ x: [1] }) }));
    const echo = await load(identity("float32", ["n"]));
    const huge = new Float32Array(30_000_000);
    for (const attempt of [run, () => echo.run({ x: huge }), () => echo.warmup({ x: [30_000_000] }), run]) {
      const error = await failure(attempt());
      assert.equal(error.code, "LIMIT_EXCEEDED");
      assert.match(error.message, /no memory for [0-9]+ bytes, a tensor of the dims/);
    }
    const { encodeModel } = await import("../onnx.mjs");
    const big = await failure(load(encodeModel({ initializers: [{ name: "w", type: "float32", data: huge }] })));
    assert.equal(big.code, "LIMIT_EXCEEDED");
    assert.match(big.message, /the model does not fit in memory/);
    assert.deepEqual([...(await bystander.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
  `,
    ["--wasm-max-mem-pages=1600"],
  );
});

test("ENGINE_CRASHED: memory that runs out where it is not asked for ends the sessions, and the next load works", () => {
  runFresh(
    `
    const { identity, scale } = await import("./models.mjs");
    const session = await load(identity("string", ["n"]));
    const bystander = await load(scale);
    const long = "x".repeat(60_000_000);
    for (const dead of [session, bystander]) {
      const error = await failure(dead.run({ x: dead === session ? [long, long] : [[1, 1, 1]] }));
      assert.equal(error.code, "ENGINE_CRASHED");
      assert.match(error.message, /load the model again/);
      await dead.release();
    }
    const next = await load(scale);
    assert.deepEqual([...(await next.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
  `,
    ["--wasm-max-mem-pages=1600"],
  );
});

test("edgewise/core runs when it is told where the wasm is", () => {
  runFresh(`
    const core = await import("edgewise/core");
    assert.equal(core.load, load);
    await core.init({ wasm });
    await (await core.load(model)).release();
  `);
});
