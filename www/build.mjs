import { cp, mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { isMain, root, targetDir, wasmDir } from "../pkg/scripts/workspace.mjs";
import { compressSite } from "./site-compression.mjs";
import { listFiles, versionOf } from "./site-files.mjs";

const www = path.join(root, "www");

export const defaultOutdir = path.join(targetDir, "site");

/** What is copied as it is. */
const STATIC = ["index.html", "bench.html", "icon.svg", "site.webmanifest", "assets"];

const LICENCES = ["LICENSE-APACHE", "LICENSE-MIT"];

/**
 * Builds the demo site: plain files, to be served from any folder of any static host.
 *
 * @param {object} [options]
 * @param {string} [options.outdir]
 * @param {(outdir: string) => Promise<void>} [options.revise] changes files before their hashes are taken
 */
export async function buildSite({ outdir = defaultOutdir, revise = async () => {} } = {}) {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  for (const name of STATIC) {
    await cp(path.join(www, name), path.join(outdir, name), {
      recursive: true,
      filter: (file) => !file.endsWith(".md"),
    });
  }
  for (const name of LICENCES) {
    await cp(path.join(root, name), path.join(outdir, "licences", `${name}.txt`));
  }
  const engineBytes = await copyEngine(path.join(outdir, "wasm"));
  await bundle(outdir, { main: "page/main.js", style: "page/style.css" });
  const define = { __ENGINE_BYTES__: JSON.stringify(engineBytes) };
  await bundle(outdir, { bench: "bench/main.js", "bench-worker": "bench/worker.js" }, { define });
  await bundle(outdir, { bench: "bench/style.css" });
  await bundle(outdir, { worker: "worker/worker.js" }, { define });
  await revise(outdir);
  const files = await listFiles(outdir);
  await bundle(
    outdir,
    { sw: "offline/service-worker.js" },
    {
      format: "iife",
      define: { __SITE_FILES__: JSON.stringify(files), __SITE_VERSION__: JSON.stringify(versionOf(files)) },
    },
  );
  await compressSite(outdir);
  return { outdir, files };
}

/**
 * esbuild leaves `new URL("./wasm/edgewise_bg.wasm", import.meta.url)` and its like in the package alone, so the files go
 * to the place beside the worker where these addresses point.
 *
 * @param {string} target
 */
async function copyEngine(target) {
  const names = await readdir(wasmDir).catch(() => []);
  const modules = names.filter((name) => name.endsWith(".wasm"));
  if (modules.length === 0) throw new Error(`${wasmDir} has no wasm. Run "npm run build" first.`);
  /** @type {Record<string, number>} */
  const sizes = {};
  for (const name of modules) {
    await cp(path.join(wasmDir, name), path.join(target, name));
    sizes[`wasm/${name}`] = (await stat(path.join(target, name))).size;
  }
  return sizes;
}

/**
 * @param {string} outdir
 * @param {Record<string, string>} entryPoints
 * @param {import("esbuild").BuildOptions} [options]
 */
async function bundle(outdir, entryPoints, options = {}) {
  await build({
    absWorkingDir: www,
    entryPoints,
    outdir,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    logLevel: "warning",
    ...options,
  });
}

if (isMain(import.meta.url)) {
  const { outdir } = await buildSite();
  console.log(`Built the demo: ${path.relative(process.cwd(), outdir)}`);
}
