/** Edgewise as it is packed, onnxruntime-web and tfjs where they are installed on demand. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { driveOwn, driveRival } from "../../bench/engines.js";
import { run, targetDir } from "../../pkg/scripts/workspace.mjs";
import { importPacked } from "../packed.mjs";

export const rivalVersion = "1.30.0";
export const tfjsVersion = "4.22.0";

// A folder for each, since npm takes away what it finds in one and was not asked for.
const rivalDirectory = join(targetDir, "rival");
export const tfjsDirectory = join(targetDir, "tfjs");
export const rivalDist = join(rivalDirectory, "node_modules", "onnxruntime-web", "dist");
export const tfjsPackages = ["tfjs-core", "tfjs-converter", "tfjs-backend-wasm"].map(
  (name) => `@tensorflow/${name}`,
);

/** Puts onnxruntime-web where `startRival` finds it. */
export function installRival() {
  installPackages(rivalDirectory, ["onnxruntime-web"], rivalVersion);
}

/** Puts tfjs into `tfjsDirectory`. */
export function installTfjs() {
  installPackages(tfjsDirectory, tfjsPackages, tfjsVersion);
}

function installPackages(directory, names, version) {
  const isInstalled = (name) => {
    const manifest = join(directory, "node_modules", name, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
  };
  if (names.every(isInstalled)) return;
  const quiet = ["--no-save", "--no-audit", "--no-fund"];
  run("npm", ["install", ...quiet, "--prefix", directory, ...names.map((name) => `${name}@${version}`)]);
}

/** @param {string} packedDirectory @param {{ threads?: number }} [options] */
export async function startOwn(packedDirectory, options) {
  return driveOwn(await importPacked(packedDirectory), options);
}

/** @param {{ threads?: number }} [options] */
export async function startRival(options) {
  const require = createRequire(join(rivalDirectory, "package.json"));
  const path = require.resolve("onnxruntime-web").replace(/\.min\.js$/, ".min.mjs");
  return driveRival(await import(pathToFileURL(path).href), options);
}
