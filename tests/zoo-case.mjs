/**
 * Runs one case of the zoo, for zoo.mjs: the arguments are the case's folder and options in JSON; JSON comes out. With two
 * engines they take turns, so that both meet the same machine.
 */

import { startOwn, startRival } from "./zoo/engines.mjs";
import { Reference } from "./zoo/reference.mjs";

/** @type {[string, { engines: string[], packed: string, tolerance: number, slack: number, isBrief: boolean }]} */
const [directory, options] = [process.argv[2], JSON.parse(process.argv[3])];
const starters = { own: () => startOwn(options.packed), rival: startRival };
const mostRounds = options.isBrief ? 1 : 20;
const mostMilliseconds = 3000 * options.engines.length;

class Runner {
  report = { error: 0, faults: /** @type {string[]} */ ([]), isMeasured: true };
  #times = [];

  constructor(engine, reference) {
    this.engine = engine;
    this.reference = reference;
  }

  /** Does a part of the work; after a failure there is no more. */
  async attempt(work) {
    if (this.report.faults.some((fault) => fault.startsWith("failed"))) return;
    try {
      await work();
    } catch (error) {
      const parts = [error?.code, error?.message ?? String(error)];
      this.report.faults.push(`failed: ${parts.filter((part) => typeof part === "string").join(": ")}`);
      this.report.isMeasured = false;
    }
  }

  async load() {
    const load = await starters[this.engine]();
    const { value, time } = await clock(() => load(this.reference));
    this.session = value;
    this.report.load = time;
  }

  async runFirst(set) {
    this.inputs = this.session.toInputs(this.reference.readInputs(set));
    const { value, time } = await clock(() => this.session.run(this.inputs));
    this.report.first ??= time;
    this.outputs = value;
  }

  async runLater() {
    this.#times.push((await clock(() => this.session.run(this.inputs))).time);
  }

  /** What a run leaves behind shows in the next, so that two of them are compared. */
  async check(set, slack) {
    for (const outputs of [this.outputs, await this.session.run(this.inputs)]) {
      for (const values of await this.session.read(outputs, this.inputs)) {
        const { error, faults, isMeasured } = this.reference.check(set, values, {
          tolerance: options.tolerance,
          slack,
        });
        this.report.error = Math.max(this.report.error, error);
        this.report.isMeasured &&= isMeasured;
        for (const fault of faults) if (!this.report.faults.includes(fault)) this.report.faults.push(fault);
      }
    }
  }

  finish() {
    const times = this.#times.sort((a, b) => a - b);
    return { ...this.report, later: times[times.length >> 1], least: times[0] };
  }
}

async function measureCase() {
  const reference = new Reference(directory);
  const runners = options.engines.map((engine) => new Runner(engine, reference));
  const everyone = async (work) => {
    for (const runner of runners) await runner.attempt(() => work(runner));
  };
  await everyone((runner) => runner.load());
  let slack = options.slack;
  for (const [index, set] of reference.sets.entries()) {
    await everyone((runner) => runner.runFirst(set));
    if (index === 0) await measureLater(everyone);
    // The rival comes first, since its error may widen the tolerance.
    for (const runner of [...runners].reverse()) {
      await runner.attempt(() => runner.check(set, slack));
      if (runner.engine === "rival" && runner.report.isMeasured) slack = Math.max(slack, runner.report.error);
    }
  }
  await everyone((runner) => runner.session.release());
  const reports = Object.fromEntries(runners.map((runner) => [runner.engine, runner.finish()]));
  return { ...reports, isCoarse: reference.isCoarse, peak: process.resourceUsage().maxRSS / 1024 };
}

async function measureLater(everyone) {
  const start = performance.now();
  for (let round = 0; round < mostRounds; round += 1) {
    if (round >= 3 && performance.now() - start > mostMilliseconds) break;
    await everyone((runner) => runner.runLater());
  }
}

async function clock(action) {
  const start = performance.now();
  const value = await action();
  return { value, time: performance.now() - start };
}

console.log(`\n${JSON.stringify(await measureCase())}`);
