/** What `npm pack` puts into the tarball, and what the package checkers say of it. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { after, before, test } from "node:test";
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

test("the tarball holds the wasm, its glue, the modules, the types and the texts, and nothing else", () => {
  const sources = readdirSync(pkgDir).filter((name) => name.endsWith(".js"));
  const declarations = files.filter((name) => name.startsWith("types/"));
  const expected = [
    ...sources,
    ...declarations,
    "package.json",
    "README.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "wasm/edgewise.js",
    "wasm/edgewise_bg.wasm",
    "wasm/edgewise_relaxed_bg.wasm",
    "wasm/edgewise_threads_bg.wasm",
  ];
  assert.deepEqual(files, expected.sort());
  assert.ok(declarations.includes("types/core.d.ts"));
  assert.ok(declarations.every((name) => name.endsWith(".d.ts")));
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
