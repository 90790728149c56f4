/** The installed tarball in Node, imported and required, by the conditions of the exports map. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodeModel } from "../onnx.mjs";
import { installPacked } from "../packed.mjs";

/** Two outputs, one a scalar and one whose dims depend on the values. */
const model = encodeModel({
  inputs: [{ name: "x", type: "float32", dims: ["n"] }],
  outputs: [
    { name: "nz", type: "int64", dims: [1, null] },
    { name: "s", type: "float32", dims: [] },
  ],
  nodes: [
    { op: "NonZero", inputs: ["x"], outputs: ["nz"] },
    { op: "ReduceSum", inputs: ["x"], outputs: ["s"], attributes: { keepdims: 0 } },
  ],
  opset: 17,
});
let packed;

before(() => {
  packed = installPacked();
  writeFileSync(join(packed.directory, "model.onnx"), model);
});

after(() => packed?.remove());

/** What a script prints when it runs beside the installed package. */
function runScript(script, /** @type {string[]} */ flags) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, "--eval", script], {
    cwd: packed.directory,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  // Node 20 warns of require() of an ES module, which is what the test does.
  const warnings = stderr
    .split("\n")
    .filter((line) => line && !/ExperimentalWarning|--trace-warnings/.test(line));
  assert.deepEqual(warnings, []);
  return JSON.parse(stdout);
}

const useModel = `
  const session = await load(readFileSync("model.onnx"));
  const { s, nz } = await session.run({ x: new Tensor("float32", [0, 2, 0, 3], [4]) });
  await session.release();
  console.log(JSON.stringify({ s: [...s.data], sDims: s.dims, nz: Array.from(nz.data, Number), nzDims: nz.dims }));
`;
const answer = { s: [5], sDims: [], nz: [1, 3], nzDims: [1, 2] };

test("import works", () => {
  const script = `import { readFileSync } from "node:fs"; import { load, Tensor } from "edgewise"; ${useModel}`;
  assert.deepEqual(runScript(script, ["--input-type=module"]), answer);
});

test("require() works", () => {
  const script = `const { readFileSync } = require("node:fs"); const { load, Tensor } = require("edgewise");
    (async () => { ${useModel} })();`;
  assert.deepEqual(runScript(script, ["--input-type=commonjs"]), answer);
});

test("the core runs with wasm that the caller hands in", () => {
  const script = `import { readFileSync } from "node:fs"; import { init, load, Tensor } from "edgewise/core";
    import { createRequire } from "node:module";
    const path = createRequire(process.cwd() + "/x.js").resolve("edgewise/edgewise.wasm");
    await init({ wasm: readFileSync(path) }); ${useModel}`;
  assert.deepEqual(runScript(script, ["--input-type=module"]), answer);
});

/** Every way to ask for bytes or to start wasm, replaced by one that tells when the package calls it. */
const watch = `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const calls = [];
  function tell(object, name) {
    const original = object[name];
    object[name] = function (...args) {
      // Node's own fetch and module loader use the same functions.
      if (!new Error().stack.includes("node_modules/edgewise/"))
        return new.target ? new original(...args) : original.apply(this, args);
      calls.push(name);
      throw new Error(name);
    };
    if (original) object[name].prototype = original.prototype;
  }
  for (const name of ["fetch", "Worker", "XMLHttpRequest"]) tell(globalThis, name);
  for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "Module", "Instance", "Memory"])
    tell(WebAssembly, name);
  tell(fs.promises, "readFile");
  syncBuiltinESMExports();
`;

for (const conditions of [[], ["--conditions=browser"]]) {
  test(`importing ${conditions[0] ?? "with node's conditions"} starts nothing`, () => {
    const script = `${watch}
      const before = Object.getOwnPropertyNames(globalThis);
      const { init, ...rest } = await import("edgewise");
      await new Promise((resolve) => setTimeout(resolve, 50));
      const globals = Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name));
      const atImport = calls.splice(0);
      const code = await init().then(() => "started", (error) => error.code);
      console.log(JSON.stringify({ names: ["init", ...Object.keys(rest)], globals, atImport, atInit: calls, code }));`;
    const result = runScript(script, ["--input-type=module", ...conditions]);
    const { names, globals, atImport, atInit, code } = result;
    assert.deepEqual(atImport, []);
    assert.deepEqual(globals, []);
    for (const name of ["InferenceError", "Session", "Tensor", "init", "inspect", "load"]) {
      assert.ok(names.includes(name), name);
    }
    // The proof that the watch sees what it should: init() cannot do without what it replaced.
    assert.ok(atInit.length > 0);
    assert.equal(code, "ENGINE_LOAD_FAILED");
  });
}
