/**
 * Measures one workload in a process of its own, for main.mjs: the argument is the job in JSON; JSON comes out.
 *
 * - In turns: every engine in this process, one after the other, so that they meet the same machine. Gives `load`, bytes to
 *   session in an engine that has started, and the times of later runs.
 * - Alone: one engine, so that all is its own. Gives `cold`, from the import of the engine to the session, `first`, its
 *   first run, and the peak of the process's memory.
 *
 * @typedef {object} Job
 * @property {import("./workload.mjs").Workload} workload
 * @property {EngineName[]} engines
 * @property {number} threads
 * @property {string} packed the folder that has Edgewise installed
 * @property {import("./measurement.js").Patience} patience
 * @property {boolean} isAlone
 * @typedef {"own" | "rival" | "tfjs"} EngineName
 */

import { startOwn, startRival } from "../tests/zoo/engines.mjs";
import { compareOutputs } from "./comparison.mjs";
import { clock, measureInTurns } from "./measurement.js";
import { startTfjs } from "./tfjs/engine.mjs";
import { watchMemory } from "./wasm-memory.js";
import { openWorkload } from "./workload.mjs";

const job = /** @type {Job} */ (JSON.parse(process.argv[2] ?? ""));
const { threads, workload } = job;
const source = openWorkload(workload);
const starters = {
  own: () => startOwn(job.packed, { threads }),
  rival: () => startRival({ threads }),
  tfjs: () => startTfjs(workload.graph ?? ""),
};

/** One engine with the workload's model loaded. */
class Contender {
  /** @type {Record<string, any>} */
  report = {};

  /** @param {EngineName} engine */
  constructor(engine) {
    this.engine = engine;
  }

  /** Does a part of the work; after a failure there is no more. @param {() => Promise<unknown>} work */
  async attempt(work) {
    if (this.report.fault) return;
    try {
      await work();
    } catch (error) {
      this.report.fault = error?.message ?? String(error);
    }
  }

  async start() {
    const { value, countBytes } = await watchMemory(async () => {
      const started = await clock(() => starters[this.engine]());
      const loaded = await clock(() => started.value(source));
      return { load: started.value, session: loaded.value, cold: started.time + loaded.time };
    });
    this.loadModel = value.load;
    this.session = value.session;
    this.countBytes = countBytes;
    this.report.cold = value.cold;
    this.report.build = this.session.tellBuild();
  }

  async runFirst() {
    this.inputs = this.session.toInputs(source.readInputs());
    const { value, time } = await clock(() => this.session.run(this.inputs));
    this.outputs = value;
    this.report.first = time;
  }

  async loadAgain() {
    const { value, time } = await clock(() => this.loadModel(source));
    await value.release();
    this.report.load = Math.min(this.report.load ?? Infinity, time);
  }

  run() {
    return this.session.run(this.inputs);
  }

  async finish() {
    this.report.wasmBytes = this.countBytes();
    await this.session.release();
  }
}

async function measureAlone() {
  const contender = new Contender(job.engines[0]);
  await contender.attempt(() => contender.start());
  await contender.attempt(() => contender.runFirst());
  // What a run leaves behind shows in the next.
  await contender.attempt(() => contender.run());
  await contender.attempt(() => contender.finish());
  contender.report.peakBytes = process.resourceUsage().maxRSS * 1024;
  return { [contender.engine]: contender.report };
}

async function measureTogether() {
  const contenders = job.engines.map((engine) => new Contender(engine));
  const everyone = async (work) => {
    for (const contender of contenders) await contender.attempt(() => work(contender));
  };
  await everyone((contender) => contender.start());
  await everyone((contender) => contender.runFirst());
  await everyone(compareWithOwn);
  const able = contenders.filter(({ report }) => !report.fault);
  const times = await measureInTurns(
    able.map((contender) => () => contender.run()),
    job.patience,
  );
  for (const [index, contender] of able.entries()) contender.report.later = times[index];
  for (let round = 0; round < 3; round += 1) await everyone((contender) => contender.loadAgain());
  await everyone((contender) => contender.finish());
  return Object.fromEntries(
    contenders.map(({ engine, report: { cold, first, wasmBytes, ...report } }) => [engine, report]),
  );

  async function compareWithOwn(contender) {
    const own = contenders.find(({ engine }) => engine === "own");
    if (!own?.outputs || contender === own) return;
    const outputs = contender.session.compare?.(contender.outputs) ?? contender.outputs;
    contender.report.apart = compareOutputs(own.outputs, outputs, source.isQuantised);
  }
}

const result = await (job.isAlone ? measureAlone() : measureTogether());
console.log(`\n${JSON.stringify(result)}`);
// Threads of an engine would keep the process alive.
process.exit(0);
