/**
 * Engines with one model: how long each takes to load it and to run it. The same in Node and in a page.
 *
 * @typedef {object} Source
 * @property {() => Uint8Array} readModel
 * @property {() => Record<string, Uint8Array>} readExternalData
 * @property {() => Record<string, any>} readInputs
 * @property {boolean} isQuantised whether integers may be rounded the other way
 *
 * @typedef {object} Report times are milliseconds
 * @property {string} [build] which of the engine's builds runs
 * @property {number} [cold] from the import of the engine to the session
 * @property {number} [load] from the model's bytes to another session, the engine having started
 * @property {number} [first] the first run
 * @property {import("./measurement.js").Times} [later] runs after that
 * @property {number} [wasmBytes] the peak of WebAssembly memory
 * @property {number} [peakBytes] the peak of the process's memory
 * @property {number | undefined} [apart] how far its numbers are from Edgewise's
 * @property {string} [fault] what ended it
 */

import { compareOutputs } from "./comparison.js";
import { clock, measureInTurns } from "./measurement.js";
import { watchMemory } from "./wasm-memory.js";

const loads = 3;

/** One engine and the model. */
export class Contender {
  /** @type {Report} */
  report = {};
  /** @type {any} */ #session;
  /** @type {any} */ #inputs;
  /** @type {(reference: Source) => Promise<any>} */ #load = async () => undefined;
  #countBytes = () => 0;

  /**
   * @param {string} engine
   * @param {() => Promise<(reference: any) => Promise<any>>} startEngine
   * @param {Source} source
   */
  constructor(engine, startEngine, source) {
    this.engine = engine;
    this.startEngine = startEngine;
    this.source = source;
  }

  /** Does a part of the work; after a failure there is no more. @param {() => Promise<unknown>} work */
  async attempt(work) {
    if (this.report.fault) return;
    try {
      await work();
    } catch (error) {
      this.report.fault = error instanceof Error ? error.message : String(error);
    }
  }

  async start() {
    const { value, countBytes } = await watchMemory(async () => {
      const started = await clock(this.startEngine);
      const loaded = await clock(() => started.value(this.source));
      return { load: started.value, session: loaded.value, cold: started.time + loaded.time };
    });
    this.#load = value.load;
    this.#session = value.session;
    this.#countBytes = countBytes;
    this.report.cold = value.cold;
    this.report.build = this.#session.tellBuild();
  }

  async runFirst() {
    this.#inputs = this.#session.toInputs(this.source.readInputs());
    const { value, time } = await clock(() => this.run());
    this.outputs = this.#session.compare?.(value) ?? value;
    this.report.first = time;
  }

  async loadAgain() {
    const { value, time } = await clock(() => this.#load(this.source));
    await value.release();
    this.report.load = Math.min(this.report.load ?? Infinity, time);
  }

  run() {
    return this.#session.run(this.#inputs);
  }

  async finish() {
    this.report.wasmBytes = this.#countBytes();
    await this.#session.release();
  }
}

/** One engine, all that there is being its own. @param {Contender} contender */
export async function measureAlone(contender) {
  await contender.attempt(() => contender.start());
  await contender.attempt(() => contender.runFirst());
  // What a run leaves behind shows in the next.
  await contender.attempt(() => contender.run());
  await contender.attempt(() => contender.finish());
}

/**
 * Engines in turns; the first is the one that the others' numbers are compared with.
 *
 * @param {Contender[]} contenders
 * @param {import("./measurement.js").Patience} patience
 */
export async function measureTogether(contenders, patience) {
  /** @param {(contender: Contender) => Promise<unknown>} work */
  const everyone = async (work) => {
    for (const contender of contenders) await contender.attempt(() => work(contender));
  };
  await everyone((contender) => contender.start());
  await everyone((contender) => contender.runFirst());
  compare(contenders);
  // What a run leaves behind may break the next, which must not end the others.
  await everyone((contender) => contender.run());
  const able = contenders.filter(({ report }) => !report.fault);
  const times = await measureInTurns(
    able.map((contender) => () => contender.run()),
    patience,
  );
  for (const [index, contender] of able.entries()) contender.report.later = times[index];
  await everyone((contender) => contender.finish());
  for (let round = 0; round < loads; round += 1) await everyone((contender) => contender.loadAgain());
}

/** @param {Contender[]} contenders */
function compare([own, ...others]) {
  for (const { outputs, report, source } of others) {
    if (!own?.outputs || !outputs) continue;
    report.apart = compareOutputs(own.outputs, outputs, source.isQuantised);
  }
}
