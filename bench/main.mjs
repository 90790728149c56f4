/**
 * `npm run bench -- [ZOO_DIR] [options]`: times Edgewise beside onnxruntime-web and, where a convnet can be converted,
 * tfjs-wasm. docs/benchmarks.md says how, and what the columns are.
 *
 * - A folder of cases (or one case) measures those; `--micro` measures generated models of one operator or a few, and what
 *   share of the machine's peak they reach; `--networks` whole generated ones; `--scaling` models as batch, sequence and image
 *   grow. Without any of these: networks and micro.
 * - `--models a,b` takes only those whose names these are, or start with one of these and an asterisk.
 * - `--threads 1,2`, `--seconds 1` for each engine and model, `--cold 3` processes for each cold load, `--json FILE`.
 * - `--node PATH`, or `--node running`; by default Node 22 from npm. `--browser chromium` or `firefox` drives the page instead.
 *
 * Times never fail it: the exit code is 1 where Edgewise fails or gives other numbers than the rival does.
 */

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runChild } from "../tests/child.mjs";
import { installPacked } from "../tests/packed.mjs";
import { printTitles } from "../tests/table.mjs";
import { installRival, installTfjs, rivalVersion, tfjsVersion } from "../tests/zoo/engines.mjs";
import { coarse } from "../tests/zoo/reference.mjs";
import { measureInBrowser } from "./browser.mjs";
import { measureDownloads } from "./downloads.mjs";
import {
  addRates,
  columns,
  listMeans,
  printDownloads,
  printMeans,
  printResult,
  printRoofline,
} from "./report.mjs";
import { findNode } from "./runtime.mjs";
import { listMicro, listNetworks, listScaling, listZoo, openWorkload, writeWorkload } from "./workload.mjs";

const jobScript = fileURLToPath(new URL("./job.mjs", import.meta.url));
const peakScript = fileURLToPath(new URL("./peak-job.mjs", import.meta.url));
const tfjsScript = fileURLToPath(new URL("./tfjs/convert.mjs", import.meta.url));
const fine = 1e-3;
/** Threads of onnxruntime-web go on looking for work for a while. */
const restOfThreads = 5;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string" },
    threads: { type: "string", default: "1,2" },
    seconds: { type: "string", default: "1" },
    cold: { type: "string", default: "3" },
    json: { type: "string" },
    node: { type: "string" },
    browser: { type: "string" },
    micro: { type: "boolean", default: false },
    networks: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
  },
});

/** @returns {import("./workload.mjs").Workload[]} */
function listWorkloads() {
  const isAny = positionals.length > 0 || options.micro || options.networks || options.scaling;
  const listed = [
    ...positionals.flatMap(listZoo),
    ...(options.networks || !isAny ? listNetworks() : []),
    ...(options.micro || !isAny ? listMicro() : []),
    ...(options.scaling ? listScaling() : []),
  ];
  const wanted = options.models?.split(",");
  const isWanted = (name) =>
    wanted?.some((word) => (word.endsWith("*") ? name.startsWith(word.slice(0, -1)) : name === word)) ?? true;
  const chosen = listed.filter(({ name }) => isWanted(name));
  if (chosen.length === 0)
    throw new Error(`nothing to measure; there are ${listed.map(({ name }) => name).join(", ")}`);
  return chosen;
}

/** Each process's part of a result, by engine, put together. */
function measure(workload, threads, { packed, node }) {
  /** @type {import("./job.mjs").EngineName[]} */
  const engines = [
    "own",
    "rival",
    ...(workload.graph && threads === 1 ? [/** @type {const} */ ("tfjs")] : []),
  ];
  const patience = { milliseconds: Number(options.seconds) * 1000, rest: threads > 1 ? restOfThreads : 0 };
  const job = { workload, threads, packed, patience };
  const together = runJob({ ...job, engines }, node);
  const merged = Object.fromEntries(
    engines.map((engine) => {
      const alone = Array.from(
        { length: Number(options.cold) },
        () => runJob({ ...job, engines: [engine] }, node)[engine],
      );
      const fault = together[engine].fault ?? alone.find((report) => report.fault)?.fault;
      const least = (key) => Math.min(...alone.map((report) => report[key] ?? Infinity));
      const cold = {
        cold: least("cold"),
        first: least("first"),
        peakBytes: least("peakBytes"),
        wasmBytes: least("wasmBytes"),
      };
      return [engine, { ...cold, ...together[engine], ...(fault && { fault }) }];
    }),
  );
  const { name, family, multiplyAdds, axis, size } = workload;
  const tolerance = openWorkload(workload).isCoarse ? coarse : fine;
  return { name, family, threads, multiplyAdds, axis, size, tolerance, ...merged };
}

/** @param {import("./job.mjs").Job} job @param {string} node */
function runJob(job, node) {
  const { report, fault } = runChild(jobScript, [JSON.stringify(job)], { node });
  return report ?? Object.fromEntries(job.engines.map((engine) => [engine, { fault }]));
}

/** Says where the model is for tfjs, if it can be converted. */
function convertForTfjs(workload, packed) {
  const { report } = runChild(tfjsScript, [JSON.stringify({ workload, packed })]);
  return report?.graph ? { ...workload, graph: report.graph } : workload;
}

async function measureAll() {
  const node = findNode(options.node);
  const threadCounts = options.threads.split(",").map(Number);
  const workloads = listWorkloads();
  installRival();
  installTfjs();
  const packed = installPacked();
  try {
    const machine = `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores`;
    console.log(`Node ${node.version} on ${machine}; onnxruntime-web ${rivalVersion}, tfjs ${tfjsVersion}\n`);
    const peaks = runChild(peakScript, [], { node: node.path }).report ?? {};
    const results = [];
    printTitles(columns);
    for (const workload of workloads) {
      writeWorkload(workload);
      const ready = convertForTfjs(workload, packed.directory);
      for (const threads of threadCounts) {
        const result = measure(ready, threads, { packed: packed.directory, node: node.path });
        addRates(result, peaks);
        printResult(result);
        results.push(result);
      }
    }
    const builds = [...new Set(results.map(({ threads, own }) => `${threads} threads: ${own.build}`))];
    console.log(`\nEdgewise's build with ${builds.join("; with ")}`);
    const means = listMeans(results.filter(({ axis }) => !axis));
    if (means.length > 0) printMeans(means);
    printRoofline(results, peaks);
    const downloads = await measureDownloads({ withTfjs: true });
    printDownloads(downloads);
    return {
      engine: `Node ${node.version}`,
      machine,
      rivalVersion,
      tfjsVersion,
      peaks,
      means,
      downloads,
      results,
    };
  } finally {
    packed.remove();
  }
}

/** The page's results as those of processes are shown. */
async function measurePage() {
  installRival();
  const { models = "all", threads, seconds } = options;
  const page = await measureInBrowser(options.browser ?? "", { models, threads, seconds });
  console.log(`${page.browser}; onnxruntime-web ${page.rivalVersion}\n`);
  printTitles(columns);
  for (const result of page.results) {
    result.tolerance = result.family === "int8" ? coarse : fine;
    if (result.failure) result.own = { fault: result.failure };
    addRates(result, page.peaks);
    printResult(result);
  }
  const means = listMeans(page.results);
  if (means.length > 0) printMeans(means);
  printRoofline(page.results, page.peaks);
  return { ...page, means };
}

const report = await (options.browser ? measurePage() : measureAll());
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
const wrong = report.results.filter(({ own, rival, tolerance }) => own.fault || rival?.apart > tolerance);
process.exitCode = wrong.length > 0 ? 1 : 0;
