import { cp, mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { compressSite } from "./site-compression.mjs";
import { listFiles, versionOf } from "./site-files.mjs";

const www = path.dirname(fileURLToPath(import.meta.url));
const repository = path.dirname(www);

export const defaultOutdir = path.join(repository, "target", "site");

/** What is copied as it is. */
const STATIC = ["index.html", "icon.svg", "site.webmanifest", "assets"];

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
  await copyEngine(path.join(outdir, "wasm"));
  await bundle(outdir, { main: "page/main.js", worker: "worker/worker.js", style: "page/style.css" });
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
 * esbuild leaves `new URL("./wasm/edgewise_bg.wasm", import.meta.url)` in the package alone, so the file goes
 * to the place beside the worker where that address points.
 *
 * @param {string} target
 */
async function copyEngine(target) {
  const source = path.join(repository, "pkg", "wasm");
  const names = await readdir(source).catch(() => []);
  const modules = names.filter((name) => name.endsWith(".wasm"));
  if (modules.length === 0) throw new Error(`${source} has no wasm. Run "npm run build" first.`);
  for (const name of modules) await cp(path.join(source, name), path.join(target, name));
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { outdir } = await buildSite();
  console.log(`Built the demo: ${path.relative(process.cwd(), outdir)}`);
}
