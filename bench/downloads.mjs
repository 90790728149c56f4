/** What a visitor downloads of each engine, in bytes of brotli: its wasm, and the JavaScript that loads it, bundled. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { listScripts, measure, measureBytes } from "../pkg/scripts/size.mjs";
import { distDir, wasmDir } from "../pkg/scripts/workspace.mjs";
import { rivalDist, tfjsDirectory } from "../tests/zoo/engines.mjs";

/** @typedef {{ engine: string, wasm: number, js: number }} Download */

/** @param {{ withTfjs: boolean }} options @returns {Promise<Download[]>} */
export async function measureDownloads({ withTfjs }) {
  const own = readdirSync(wasmDir).filter((name) => name.endsWith(".wasm"));
  const js = (await measure(await listScripts([join(distDir, "index.js")]))).brotli;
  const builds = await Promise.all(
    own.map(async (name) => ({
      engine: own.length > 1 ? `Edgewise (${name})` : "Edgewise",
      wasm: (await measure([join(wasmDir, name)])).brotli,
      js,
    })),
  );
  return [...builds, await measureRival(), ...(withTfjs ? [await measureTfjs()] : [])];
}

async function measureRival() {
  const loader = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs"].map((name) => join(rivalDist, name));
  const wasm = join(rivalDist, "ort-wasm-simd-threaded.wasm");
  return {
    engine: "onnxruntime-web",
    wasm: (await measure([wasm])).brotli,
    js: (await measure(loader)).brotli,
  };
}

async function measureTfjs() {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { ready, setBackend, tensor, tidy } from "@tensorflow/tfjs-core";
        export { loadGraphModel } from "@tensorflow/tfjs-converter";
        import "@tensorflow/tfjs-backend-wasm";
      `,
      resolveDir: tfjsDirectory,
    },
    bundle: true,
    format: "esm",
    minify: true,
    write: false,
    // What the bundle has no use for in a browser.
    external: ["fs", "path", "worker_threads", "perf_hooks", "os", "util", "crypto"],
    logLevel: "error",
  });
  const wasm = join(
    tfjsDirectory,
    "node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
  );
  return {
    engine: "tfjs-wasm",
    wasm: (await measure([wasm])).brotli,
    js: (await measureBytes(outputFiles[0]?.contents ?? new Uint8Array())).brotli,
  };
}
