/** Writes pkg/dist, the JavaScript and the wasm as they are published: the sources of pkg/, bundled and minified. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { distDir, isMain, pkgDir, wasmDir } from "./workspace.mjs";

/** What is imported by name: the entries by users and tools, the threads by the entries. */
const entryNames = /^(?:core|(?:index|thread)(?:\.[\w-]+)?)\.js$/;

/** Files that are as they should be are left alone, since tests that run side by side may read them. */
export async function writeDist() {
  const files = await bundleScripts();
  for (const name of readdirSync(wasmDir).filter((name) => name.endsWith(".wasm")))
    files.set(join(distDir, "wasm", name), readFileSync(join(wasmDir, name)));
  for (const [path, bytes] of files) writeChanged(path, bytes);
  for (const path of listFiles(distDir)) if (!files.has(path)) rmSync(path);
}

/** What the entries share is in chunks, so that there is one engine and one class of errors, whatever is imported. */
async function bundleScripts() {
  const { outputFiles } = await build({
    absWorkingDir: pkgDir,
    entryPoints: readdirSync(pkgDir).filter((name) => entryNames.test(name)),
    outdir: distDir,
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    legalComments: "none",
    write: false,
    logLevel: "warning",
    // The forms by which each environment and its bundlers find the wasm stay as they are written.
    external: ["*.wasm", "*.wasm?module", "node:*"],
    target: "es2022",
    supported: { "import-attributes": true, "import-source": true },
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, Buffer.from(contents)]));
}

function writeChanged(path, bytes) {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

function listFiles(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

if (isMain(import.meta.url)) await writeDist();
