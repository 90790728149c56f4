/** Edgewise and onnxruntime-web behind the same words: `load(reference)` gives `{ run(inputs), release() }`. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run, targetDir } from "../../pkg/scripts/workspace.mjs";
import { importPacked } from "../packed.mjs";

export const rivalVersion = "1.30.0";
const rivalDirectory = join(targetDir, "rival");

/** Puts onnxruntime-web where `startRival` finds it. */
export function installRival() {
  const manifest = join(rivalDirectory, "node_modules", "onnxruntime-web", "package.json");
  const found = existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version;
  if (found === rivalVersion) return;
  const quiet = ["--no-save", "--no-audit", "--no-fund"];
  run("npm", ["install", ...quiet, "--prefix", rivalDirectory, `onnxruntime-web@${rivalVersion}`]);
}

export async function startOwn(packedDirectory) {
  const { init, load, Tensor } = await importPacked(packedDirectory);
  await init();
  return async (reference) => {
    const session = await load(reference.readModel(), { externalData: reference.readExternalData() });
    const labels = new Map(session.outputs.map((output) => [output.name, output.labels]));
    const addLabels = ([name, value]) => [
      name,
      labels.get(name) ? { ...value, labels: labels.get(name) } : value,
    ];
    return {
      toInputs: (inputs) => toTensors(inputs, Tensor),
      run: (inputs) => session.run(inputs),
      /** What a run gave, in the ways that the package has to give it. */
      read: async (outputs, inputs) => [
        Object.fromEntries(Object.entries(outputs).map(addLabels)),
        ...([...labels.values()].some(Boolean) ? [await session.run(inputs, { maps: true })] : []),
      ],
      release: () => session.release(),
    };
  };
}

export async function startRival() {
  const require = createRequire(join(rivalDirectory, "package.json"));
  const { env, InferenceSession, Tensor } = await import(
    pathToFileURL(require.resolve("onnxruntime-web").replace(/\.min\.js$/, ".min.mjs")).href
  );
  env.logLevel = "fatal";
  env.wasm.numThreads = 1;
  env.wasm.proxy = false;
  return async (reference) => {
    const external = Object.entries(reference.readExternalData());
    const session = await InferenceSession.create(reference.readModel(), {
      executionProviders: ["wasm"],
      logSeverityLevel: 4,
      ...(external.length > 0 && { externalData: external.map(([path, data]) => ({ path, data })) }),
    });
    return {
      toInputs: (inputs) => toTensors(inputs, Tensor),
      run: (inputs) => session.run(inputs),
      read: async (outputs) => [outputs],
      release: () => session.release(),
    };
  };
}

function toTensors(inputs, Tensor) {
  /** A tensor, a sequence of them, or nothing. */
  const convert = (value) => {
    if (Array.isArray(value)) return value.map(convert);
    return value && new Tensor(value.type, value.data, value.dims);
  };
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, convert(value)]));
}
