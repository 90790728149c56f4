/** What a visitor downloads: sizes of each binary, one of which it is, and of the JavaScript, beside the limits of budget.json. */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "esbuild";
import { distDir, isMain, root, targetDir, wasmDir } from "./workspace.mjs";

const budget = JSON.parse(readFileSync(new URL("./budget.json", import.meta.url), "utf8"));
const cachePath = join(targetDir, "sizes.json");

/** Prints the table; resolves to whether every size is within its budget. */
export async function printSizes() {
  const sizes = {
    simd128: await measure([join(wasmDir, "edgewise_bg.wasm")]),
    relaxed: await measure([join(wasmDir, "edgewise_relaxed_bg.wasm")]),
    threads: await measure([join(wasmDir, "edgewise_threads_bg.wasm")]),
    js: await measure(await listScripts(["index.js", "thread.js"].map((name) => join(distDir, name)))),
  };
  let within = true;
  for (const [name, size] of Object.entries(sizes)) {
    for (const [form, bytes] of Object.entries(size)) {
      const limit = budget[name][form];
      within &&= bytes <= limit;
      const verdict = bytes <= limit ? "" : "  over budget";
      console.log(`size: ${name.padEnd(8)}${form.padEnd(7)}${format(bytes)} of ${format(limit)}${verdict}`);
    }
  }
  return within;
}

/** The modules that some load, themselves included. */
export async function listScripts(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    outdir: root,
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  return Object.keys(metafile.inputs).map((path) => join(root, path));
}

/** Raw, gzip and brotli bytes of files that are served one by one. */
export async function measure(paths) {
  const sizes = await Promise.all(paths.map((path) => measureBytes(readFileSync(path))));
  const sum = (form) => sizes.reduce((total, size) => total + size[form], 0);
  return { raw: sum("raw"), gzip: sum("gzip"), brotli: sum("brotli") };
}

/** Remembered by content: brotli takes ten seconds and more for the wasm. */
export async function measureBytes(bytes) {
  const key = createHash("sha256").update(bytes).digest("hex");
  const known = readCache()[key];
  if (known) return known;
  const [zipped, brotlied] = await Promise.all([
    promisify(gzip)(bytes, { level: 9 }),
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  ]);
  const size = { raw: bytes.length, gzip: zipped.length, brotli: brotlied.length };
  mkdirSync(targetDir, { recursive: true });
  writeFileSync(cachePath, JSON.stringify({ ...readCache(), [key]: size }));
  return size;
}

function readCache() {
  try {
    return JSON.parse(readFileSync(cachePath, "utf8"));
  } catch {
    return {};
  }
}

function format(bytes) {
  return `${bytes.toLocaleString("en")} B`.padStart(13);
}

if (isMain(import.meta.url)) {
  // Not awaited here, since it imports this module.
  if (process.argv.includes("--families"))
    import("./families.mjs").then(({ printFamilies }) => printFamilies());
  else process.exitCode = (await printSizes()) ? 0 : 1;
}
