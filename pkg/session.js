/// <reference lib="esnext.disposable" preserve="true" />

import { callEngine } from "./engine.js";
import { checkAborted, InferenceError } from "./error.js";
import { checkDims, checkOptions } from "./options.js";
import { copyTensor, decodeTensor, encodeTensor, Tensor } from "./tensor.js";
import { toTensor } from "./values.js";

/**
 * What a model says about one of its inputs or outputs.
 * @typedef {object} TensorInfo
 * @property {string} name
 * @property {import("./tensor.js").ElementType | null} type null where the model leaves it open
 * @property {(number | string | null)[] | null} dims a size, the name of a size, or null for any; null altogether where the
 *   model leaves the rank open
 */

/**
 * What a model says about itself.
 * @typedef {object} Metadata
 * @property {string} producerName
 * @property {string} producerVersion
 * @property {string} domain
 * @property {string} modelVersion an int64, in decimal
 * @property {string} description
 * @property {number} irVersion
 * @property {Record<string, number>} opsets the version of each operator set
 * @property {Record<string, string>} properties
 * @property {string} sha256 of the model's bytes, in hexadecimal
 * @property {number} bytes
 */

/**
 * @typedef {object} RunOptions
 * @property {readonly string[] | undefined} [outputs] the outputs wanted; all of them by default
 * @property {import("./load.js").Signal | undefined} [signal] takes the run back while it waits for its turn
 */

/**
 * @typedef {object} Stats
 * @property {string} build the instruction set that the engine uses
 * @property {number} runs
 * @property {number} failures runs that ended in an error
 * @property {number} plans plans that are kept, one for each set of input dims
 * @property {number} planned plans made so far
 * @property {number} planHits runs that found their plan
 * @property {number} modelBytes bytes of the model's weights
 * @property {{ engine: number, download: number, prepare: number, lastRun: number | undefined, runs: number }} milliseconds
 *   how long the engine's start, the download, the preparation, the last run and all runs took
 */

/** @typedef {Record<string, Tensor>} Outputs */

/** A model that is ready to run. */
export class Session {
  /** The inputs that a run takes. @readonly @type {readonly TensorInfo[]} */
  inputs;
  /** The outputs that a run gives. @readonly @type {readonly TensorInfo[]} */
  outputs;
  /** What the model says about itself. @readonly @type {Metadata} */
  metadata;

  /** @type {import("./engine.js").Engine} */ #engine;
  /** @type {import("./wasm/edgewise.js").EngineSession | undefined} */ #handle;
  /** The last run that waits or is under way. @type {Promise<unknown> | undefined} */ #last;
  #isReleased = false;
  #runs = 0;
  #failures = 0;
  /** @type {Stats["milliseconds"]} */ #times;

  /**
   * Sessions are made by `load`.
   * @param {import("./engine.js").Engine} engine
   * @param {any} handle
   * @param {{ engine: number, download: number, prepare: number }} times
   */
  constructor(engine, handle, times) {
    this.#engine = engine;
    this.#handle = handle;
    this.#times = { ...times, lastRun: undefined, runs: 0 };
    const [inputs, outputs, metadata] = callEngine(engine, () => [
      handle.inputs(),
      handle.outputs(),
      handle.metadata(),
    ]);
    this.inputs = inputs;
    this.outputs = outputs;
    this.metadata = metadata;
  }

  /**
   * Runs the model. Runs of one session take their turn in the order of the calls.
   * @param {Record<string, import("./values.js").InputValue>} inputs
   * @param {RunOptions} [options]
   * @returns {Promise<Outputs>}
   */
  async run(inputs, options) {
    const { signal, outputs } = checkOptions(options);
    checkAborted(signal);
    this.#checkReleased();
    const tensors = this.#convert(inputs);
    if (!this.#last) return this.#take(async () => this.#execute(tensors, outputs));
    // The caller may reuse its arrays before this run's turn comes.
    const copies = tensors.map(
      ([name, tensor]) => /** @type {[string, Tensor]} */ ([name, copyTensor(tensor)]),
    );
    const previous = this.#last;
    return this.#take(async () => {
      await previous;
      checkAborted(signal);
      return this.#execute(copies, outputs);
    });
  }

  /**
   * Runs the model at once, where nothing may wait: an audio worklet, say.
   * @param {Record<string, import("./values.js").InputValue>} inputs
   * @param {Pick<RunOptions, "outputs">} [options]
   * @returns {Outputs}
   */
  runSync(inputs, options) {
    const { outputs } = checkOptions(options);
    this.#checkReleased();
    return this.#execute(this.#convert(inputs), outputs);
  }

  /**
   * Makes the plan for inputs of these dims, so that the first run need not.
   * @param {Record<string, readonly number[]>} [dims] by input; those that the model fixes may be left out
   * @returns {Promise<void>}
   */
  async warmup(dims = {}) {
    this.#checkReleased();
    const checked = checkDims(dims);
    const previous = this.#last;
    await this.#take(async () => {
      await previous;
      const handle = this.#open();
      callEngine(this.#engine, () => handle.warmUp(checked));
    });
  }

  /**
   * Counts and times since the load.
   * @returns {Stats}
   */
  stats() {
    const handle = this.#open();
    const { plans, planned, planHits, modelBytes } = callEngine(this.#engine, () => handle.stats());
    const build = callEngine(this.#engine, ({ buildName }) => buildName());
    const milliseconds = { ...this.#times };
    return {
      build,
      runs: this.#runs,
      failures: this.#failures,
      plans,
      planned,
      planHits,
      modelBytes,
      milliseconds,
    };
  }

  /**
   * Memory in bytes: the engine's in all, which sessions share and which does not shrink; the model's weights; and the
   * constants of its plans, which may be the same memory.
   * @returns {{ engineBytes: number, modelBytes: number, planBytes: number }}
   */
  memory() {
    const handle = this.#open();
    const { modelBytes, planBytes } = callEngine(this.#engine, () => handle.stats());
    const engineBytes = callEngine(this.#engine, ({ memoryBytes }) => memoryBytes());
    return { engineBytes, modelBytes, planBytes };
  }

  /**
   * Frees the session's memory, once the runs already asked for are done.
   * @returns {Promise<void>}
   */
  async release() {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#last;
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle && !this.#engine.isDead) callEngine(this.#engine, () => handle.free());
  }

  /** Releases the session at the end of `await using`. */
  [Symbol.asyncDispose]() {
    return this.release();
  }

  /**
   * Begins `work` now, and holds back those that come after until it is done.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #take(work) {
    const result = work();
    const done = result.then(
      () => {},
      () => {},
    );
    this.#last = done;
    done.then(() => {
      if (this.#last === done) this.#last = undefined;
    });
    return result;
  }

  /**
   * @param {Record<string, import("./values.js").InputValue>} inputs
   * @returns {[string, Tensor][]}
   */
  #convert(inputs) {
    const isUnnamed = inputs instanceof Tensor || Array.isArray(inputs) || ArrayBuffer.isView(inputs);
    if (typeof inputs !== "object" || inputs === null || isUnnamed) {
      throw new InferenceError("INPUT_INVALID", "run takes an object of inputs by name");
    }
    const handle = this.#open();
    return Object.entries(inputs).map(([name, value]) => {
      const info = this.inputs.find((input) => input.name === name);
      if (!info) throw callEngine(this.#engine, () => handle.refuseInput(name));
      return [name, toTensor(value, info)];
    });
  }

  /**
   * @param {[string, Tensor][]} tensors
   * @param {readonly string[] | undefined} outputs
   * @returns {Outputs}
   */
  #execute(tensors, outputs) {
    const start = performance.now();
    this.#runs += 1;
    try {
      const inputs = tensors.map(([name, tensor]) => ({ name, ...encodeTensor(tensor) }));
      const handle = this.#open();
      const wanted = outputs && [...outputs];
      const values = callEngine(this.#engine, () => handle.run(inputs, wanted));
      return decodeOutputs(values);
    } catch (error) {
      this.#failures += 1;
      throw error;
    } finally {
      this.#times.lastRun = performance.now() - start;
      this.#times.runs += this.#times.lastRun;
    }
  }

  #checkReleased() {
    if (this.#isReleased) throw new InferenceError("SESSION_RELEASED", "the session has been released");
  }

  #open() {
    if (!this.#handle) throw new InferenceError("SESSION_RELEASED", "the session has been released");
    return this.#handle;
  }
}

/**
 * @param {any[]} values name, type, dims and data of each output in turn
 * @returns {Outputs}
 */
function decodeOutputs(values) {
  /** @type {[string, Tensor][]} */
  const entries = [];
  for (let index = 0; index < values.length; index += 4) {
    const [name, type, dims, data] = values.slice(index, index + 4);
    entries.push([name, decodeTensor(type, dims, data)]);
  }
  return Object.fromEntries(entries);
}
