/** Runs one case of the zoo, for zoo.mjs: arguments are the package's folder, the case's and a tolerance; JSON comes out. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compareTensor } from "./compare.mjs";
import { readNpz } from "./npz.mjs";
import { importPacked } from "./packed.mjs";

const [packedDirectory, directory, toleranceText] = process.argv.slice(2);
const { init, load, Tensor } = await importPacked(packedDirectory);

const meta = readMeta();
const approximate = /Quantize|QLinear|Integer/.test(Object.keys(meta.ops ?? {}).join(" "));
const coarse = approximate || /f16|fp16|half|int8|qdq/i.test(meta.name ?? "");

async function measureCase() {
  await init();
  const bytes = readFileSync(join(directory, "model.onnx"));
  const { value: session, time: loadTime } = await clock(() =>
    load(bytes, { externalData: readExternalData() }),
  );
  const sets = readdirSync(directory).filter((name) => /^inputs.*\.npz$/.test(name));
  if (sets.length === 0) throw new Error("the case has no inputs.npz");
  const report = { load: loadTime, first: 0, later: 0, error: 0, faults: [] };
  for (const [index, set] of sets.sort().entries()) {
    const inputs = readInputs(set);
    const { value: outputs, time } = await clock(() => session.run(inputs));
    if (index === 0) Object.assign(report, { first: time, later: await measureLater(session, inputs) });
    checkOutputs(set.replace("inputs", "outputs"), outputs, report);
    // What a run leaves behind shows in the next.
    checkOutputs(set.replace("inputs", "outputs"), await session.run(inputs), report);
  }
  await session.release();
  return { ...report, peak: process.resourceUsage().maxRSS / 1024 };
}

function checkOutputs(set, outputs, report) {
  for (const [name, expected] of Object.entries(readNpz(readFileSync(join(directory, set))))) {
    const loose = coarse || expected.type === "float16";
    const tolerance = Number(toleranceText) || (loose ? 2e-2 : 1e-3);
    const { error, fault } = compareTensor(outputs[name], expected, { tolerance, approximate });
    report.error = Math.max(report.error, Number.isFinite(error) ? error : 0);
    if (fault) report.faults.push(`${set}: output "${name}" ${fault}`);
  }
}

/** The median of some more runs: up to 20, or 3 seconds of them. */
async function measureLater(session, inputs) {
  const times = [];
  const start = performance.now();
  while (times.length < 20 && (times.length < 3 || performance.now() - start < 3000)) {
    times.push((await clock(() => session.run(inputs))).time);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

function readInputs(set) {
  const arrays = Object.entries(readNpz(readFileSync(join(directory, set))));
  return Object.fromEntries(
    arrays.map(([name, { type, dims, data }]) => [name, new Tensor(type, data, dims)]),
  );
}

/** Whatever else the folder holds is the model's external data. */
function readExternalData() {
  const names = readdirSync(directory).filter((name) => !/\.(npz|json)$|^model\.onnx$/.test(name));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name))]));
}

function readMeta() {
  const path = join(directory, "meta.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
}

async function clock(action) {
  const start = performance.now();
  const value = await action();
  return { value, time: performance.now() - start };
}

console.log(JSON.stringify(await measureCase().catch((error) => ({ faults: [describe(error)] }))));

function describe(error) {
  return [error?.code, error?.message ?? String(error)].filter(Boolean).join(": ");
}
