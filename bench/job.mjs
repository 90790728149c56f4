/**
 * Measures one workload in a process of its own, for main.mjs: the argument is the job in JSON; JSON comes out, a report
 * for each engine. One engine alone tells of its cold load, its first run and the peak of the process's memory; several
 * in turns tell of the rest.
 *
 * @typedef {object} Job
 * @property {import("./workload.mjs").Workload} workload
 * @property {EngineName[]} engines
 * @property {number} threads
 * @property {string} packed the folder that has Edgewise installed
 * @property {import("./measurement.js").Patience} patience
 * @typedef {"own" | "rival" | "tfjs"} EngineName
 */

import { startOwn, startRival } from "../tests/zoo/engines.mjs";
import { Contender, measureAlone, measureTogether } from "./contest.js";
import { startTfjs } from "./tfjs/engine.mjs";
import { openWorkload } from "./workload.mjs";

const { engines, packed, patience, threads, workload } = /** @type {Job} */ (
  JSON.parse(process.argv[2] ?? "")
);
const starters = {
  own: () => startOwn(packed, { threads }),
  rival: () => startRival({ threads }),
  tfjs: () => startTfjs(workload.graph ?? ""),
};

const source = openWorkload(workload);
const contenders = engines.map((engine) => new Contender(engine, starters[engine], source));
const [first, ...others] = contenders;
if (first && others.length === 0) {
  await measureAlone(first);
  first.report.peakBytes = process.resourceUsage().maxRSS * 1024;
} else {
  await measureTogether(contenders, patience);
  // These are of an engine that has the process to itself.
  for (const { report } of contenders) {
    delete report.cold;
    delete report.first;
    delete report.wasmBytes;
  }
}
const reports = Object.fromEntries(contenders.map(({ engine, report }) => [engine, report]));
console.log(`\n${JSON.stringify(reports)}`);
// Threads of an engine would keep the process alive.
process.exit(0);
