import * as edgewise from "edgewise";
import { Contender, measureTogether } from "../../bench/contest.js";
import { driveOwn, driveRival } from "../../bench/engines.js";
import { measurePeaks } from "../../bench/peak.js";
import { drawTensor, seedRandom } from "../../bench/random.js";
import { choices } from "./choices.js";

/**
 * Measures one model, or the multiply-add peak, and ends: what an engine keeps is never the next model's.
 *
 * @typedef {{ task: "peak" } | { task: "model", name: string, threads: number, milliseconds: number, rival: string | undefined }} Job
 */

const scope = /** @type {any} */ (self);

/** Threads of onnxruntime-web go on looking for work for a while. */
const restOfThreads = 5;

scope.onmessage = async (/** @type {{ data: Job }} */ { data }) => {
  try {
    scope.postMessage({ value: data.task === "peak" ? await measurePeaks() : await measureModel(data) });
  } catch (error) {
    scope.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
};

/** @param {Extract<Job, { task: "model" }>} job */
async function measureModel({ name, threads, milliseconds, rival }) {
  const choice = choices.find((choice) => choice.name === name);
  if (!choice) throw new Error(`There is no model ${name}.`);
  const bytes = choice.write?.() ?? (await download(choice.url ?? ""));
  const source = {
    readModel: () => bytes,
    readExternalData: () => ({}),
    readInputs: () => drawInputs(choice.inputs),
    isQuantised: choice.isCoarse ?? false,
  };
  const contenders = [new Contender("own", () => driveOwn(edgewise, { threads }), source)];
  if (rival) contenders.push(new Contender("rival", () => startRival(rival, threads), source));
  await measureTogether(contenders, { milliseconds, rest: threads > 1 ? restOfThreads : 0 });
  return Object.fromEntries(contenders.map(({ engine, report }) => [engine, report]));
}

/** @param {string} folder @param {number} threads */
async function startRival(folder, threads) {
  return driveRival(await import(new URL("ort.wasm.min.mjs", folder).href), { threads, wasmPaths: folder });
}

/** @param {string} url */
async function download(url) {
  const response = await fetch(new URL(url, scope.location.href));
  if (!response.ok) throw new Error(`${url}: the server answered ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {import("./choices.js").Choice["inputs"]} inputs */
function drawInputs(inputs) {
  const random = seedRandom(1);
  return Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, drawTensor(random, shape)]));
}
