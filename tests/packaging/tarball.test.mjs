/** What `npm pack` puts into the tarball, and what the package checkers say of it. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { findCommand, pkgDir, root } from "../../pkg/scripts/workspace.mjs";
import { installPacked } from "../packed.mjs";

let packed;
let files;

before(() => {
  packed = installPacked();
  files = readdirSync(packed.installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(packed.installed, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
});

after(() => packed?.remove());

test("the tarball holds the wasm, the minified modules, the types and the texts, and nothing else", () => {
  const entries = readdirSync(pkgDir).filter((name) => /^(?:index|core|thread\.).*js$/.test(name));
  const chunks = files.filter((name) => name.startsWith("dist/chunk-"));
  const declarations = files.filter((name) => name.startsWith("types/"));
  const expected = [
    ...entries.map((name) => `dist/${name}`),
    ...chunks,
    ...declarations,
    "package.json",
    "README.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "dist/wasm/edgewise_bg.wasm",
    "dist/wasm/edgewise_relaxed_bg.wasm",
    "dist/wasm/edgewise_threads_bg.wasm",
  ];
  assert.deepEqual(files, expected.sort());
  assert.ok(declarations.includes("types/core.d.ts"));
  assert.ok(declarations.every((name) => name.endsWith(".d.ts")));
});

/** What the tools of each environment look for, and what it means, must come through the minifier. */
const forms = {
  "index.js": [
    'new URL("./wasm/edgewise_bg.wasm",import.meta.url)',
    'new URL("./wasm/edgewise_relaxed_bg.wasm",import.meta.url)',
    'new URL("./wasm/edgewise_threads_bg.wasm",import.meta.url)',
    'new Worker(new URL("./thread.js",import.meta.url),{type:"module"})',
  ],
  "index.node.js": ['new URL("./thread.node.js",import.meta.url)', 'import("node:fs/promises")'],
  "index.bun.js": [
    /import \w+ from"\.\/wasm\/edgewise_bg\.wasm"with{type:"file"}/,
    /import \w+ from"\.\/wasm\/edgewise_relaxed_bg\.wasm"with{type:"file"}/,
  ],
  "index.deno.js": [/import source \w+ from"\.\/wasm\/edgewise_relaxed_bg\.wasm"/],
  "index.edge-light.js": [/import \w+ from"\.\/wasm\/edgewise_bg\.wasm\?module"/],
  "index.workerd.js": [/import \w+ from"\.\/wasm\/edgewise_relaxed_bg\.wasm"/],
};

for (const [name, wanted] of Object.entries(forms)) {
  test(`${name} names its files as its tools want them`, () => {
    const script = readFileSync(join(packed.installed, "dist", name), "utf8");
    for (const form of wanted)
      assert.ok(typeof form === "string" ? script.includes(form) : form.test(script), `${form} in ${script}`);
  });
}

test("every entry shares one core, and so one class of errors", async () => {
  const load = (name) => import(pathToFileURL(join(packed.installed, "dist", name)).href);
  const core = await load("core.js");
  for (const name of ["index.js", "index.node.js"]) {
    const entry = await load(name);
    for (const shared of Object.keys(core)) assert.equal(entry[shared], core[shared], `${shared} of ${name}`);
  }
  for (const name of ["InferenceError", "Session", "Tensor"]) assert.equal(core[name].name, name);
});

test("every file that the exports map names is there", () => {
  const { exports, main, types } = JSON.parse(readFileSync(join(packed.installed, "package.json"), "utf8"));
  const named = [main, types, ...collectStrings(exports)].map((path) => path.replace("./", ""));
  assert.deepEqual(
    named.filter((path) => !files.includes(path)),
    [],
  );
});

test("no file names the machine that built the package", () => {
  for (const name of files) {
    const content = readFileSync(join(packed.installed, name), "latin1");
    assert.doesNotMatch(content, /\/(?:root|home|Users)\/[\w.]+\/|\.cargo\/registry|index\.crates\.io/, name);
    assert.ok(!content.includes(root), name);
  }
});

test("publint has no complaint", async () => {
  const { messages, pkg } = await publint({
    pkgDir: packed.installed,
    level: "suggestion",
    pack: false,
    strict: true,
  });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test("are-the-types-wrong has no complaint", () => {
  // The raw .wasm has no types to be wrong, and Node's require() of an ES module is what import.test.mjs tries.
  const attw = findCommand("@arethetypeswrong/cli", "attw");
  const raw = ["./edgewise.wasm", "./edgewise-relaxed.wasm", "./edgewise-threads.wasm"];
  const options = ["--profile", "esm-only", "--exclude-entrypoints", ...raw, "--no-color"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [attw, packed.tarball, ...options], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
});

function collectStrings(value) {
  return typeof value === "string" ? [value] : Object.values(value).flatMap(collectStrings);
}
