/// <reference lib="esnext.disposable" preserve="true" />

import { callEngine } from "./engine.js";
import { checkAborted, InferenceError } from "./error.js";
import { checkDims, checkOptions } from "./options.js";
import { Tensor } from "./tensor.js";
import { convertInput, copyValue, decodeOutputs, encodeValue, toMaps } from "./values.js";

/**
 * What a model says about one of its inputs or outputs.
 * @typedef {object} TensorInfo
 * @property {string} name
 * @property {import("./tensor.js").ElementType | null} type null where the model leaves it open
 * @property {(number | string | null)[] | null} dims a size, the name of a size, or null for any; null altogether where the
 *   model leaves the rank open
 * @property {"tensor" | "sequence" | "map" | "maps" | "optional" | "optional sequence"} kind what the value is: of a sequence or an optional, type and dims
 *   are those of its tensors
 * @property {"string" | "int64"} [keys] of a map, the type of its keys; `type` is that of its values
 * @property {readonly (string | bigint)[]} [labels] what the columns of a classifier's scores are about
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
 * @property {boolean | undefined} [maps] whether outputs with labels come as one Map for each row
 * @property {import("./load.js").Signal | undefined} [signal] takes the run back while it waits for its turn
 */

/**
 * @typedef {object} Stats
 * @property {string} build what the engine was built for: "simd128", "relaxed-simd" or "relaxed-simd threads"
 * @property {number} threads how many share the work of a run
 * @property {number} runs
 * @property {number} failures runs that ended in an error
 * @property {number} steps steps of the plan, which are fewer than the model's nodes
 * @property {number} modelBytes bytes of the model's weights
 * @property {{ engine: number, download: number, prepare: number, lastRun: number | undefined, runs: number }} milliseconds
 *   how long the engine's start, the download, the preparation, the last run and all runs took
 */

/** @typedef {Record<string, Tensor>} Outputs */
/** @typedef {import("./values.js").ConvertedValue} ConvertedValue */
/** @typedef {Record<string, import("./values.js").InputValue | null>} Inputs */

/** A model that is ready to run. */
export class Session {
  /** What consoles show, where the class itself has lost its name to a minifier. @internal */
  static name = "Session";

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
   * @template {Record<string, import("./values.js").OutputValue>} [T=Outputs] for models whose outputs are not all tensors
   * @param {Inputs} inputs
   * @param {RunOptions} [options]
   * @returns {Promise<T>}
   */
  async run(inputs, options) {
    const checked = checkOptions(options);
    const { signal } = checked;
    checkAborted(signal);
    this.#checkReleased();
    const values = this.#convert(inputs);
    if (!this.#last) {
      // It is done when this returns, and yet those asked for in the same breath wait for theirs, as they may be taken back.
      this.#hold(Promise.resolve());
      return this.#execute(values, checked);
    }
    // The caller may reuse its arrays before this run's turn comes.
    const copies = values.map(
      ([index, value]) => /** @type {[number, ConvertedValue]} */ ([index, copyValue(value)]),
    );
    return this.#take(async () => {
      checkAborted(signal);
      return this.#execute(copies, checked);
    });
  }

  /**
   * Runs the model at once, where nothing may wait: an audio worklet, say.
   * @template {Record<string, import("./values.js").OutputValue>} [T=Outputs] for models whose outputs are not all tensors
   * @param {Inputs} inputs
   * @param {Pick<RunOptions, "outputs" | "maps">} [options]
   * @returns {T}
   */
  runSync(inputs, options) {
    const checked = checkOptions(options);
    this.#checkReleased();
    return this.#execute(this.#convert(inputs), checked);
  }

  /**
   * Runs the model once on zeros of these dims, so that the JavaScript engine has compiled what the first run needs.
   * @param {Record<string, readonly number[]>} [dims] by input; those that the model fixes may be left out
   * @returns {Promise<void>}
   */
  async warmup(dims = {}) {
    this.#checkReleased();
    const checked = checkDims(dims);
    await this.#take(async () => {
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
    const { steps, modelBytes } = callEngine(this.#engine, () => handle.stats());
    const build = callEngine(this.#engine, ({ buildName }) => buildName());
    const threads = callEngine(this.#engine, ({ countThreads }) => countThreads());
    const milliseconds = { ...this.#times };
    return { build, threads, runs: this.#runs, failures: this.#failures, steps, modelBytes, milliseconds };
  }

  /**
   * Memory in bytes: the engine's in all, which sessions share and which does not shrink, and the model's weights.
   * @returns {{ engineBytes: number, modelBytes: number }}
   */
  memory() {
    const handle = this.#open();
    const { modelBytes } = callEngine(this.#engine, () => handle.stats());
    const engineBytes = callEngine(this.#engine, ({ memoryBytes }) => memoryBytes());
    return { engineBytes, modelBytes };
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
   * Does `work` once the runs before are done, and holds back those that come after until it is done.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #take(work) {
    const result = this.#last ? this.#last.then(work) : work();
    this.#hold(
      result.then(
        () => {},
        () => {},
      ),
    );
    return result;
  }

  /** @param {Promise<void>} done what runs to come wait for */
  #hold(done) {
    const last = done.then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
  }

  /**
   * @param {Inputs} inputs
   * @returns {[index: number, ConvertedValue][]}
   */
  #convert(inputs) {
    const isUnnamed = inputs instanceof Tensor || Array.isArray(inputs) || ArrayBuffer.isView(inputs);
    if (typeof inputs !== "object" || inputs === null || isUnnamed) {
      throw new InferenceError("INPUT_INVALID", "run takes an object of inputs by name");
    }
    const handle = this.#open();
    return Object.entries(inputs).map(([name, value]) => {
      const index = this.inputs.findIndex((input) => input.name === name);
      const info = this.inputs[index];
      if (!info) throw callEngine(this.#engine, () => handle.refuseInput(name));
      return [index, convertInput(value, info)];
    });
  }

  /**
   * @param {[index: number, ConvertedValue][]} values
   * @param {RunOptions} options
   * @returns {any}
   */
  #execute(values, { outputs, maps }) {
    const start = performance.now();
    this.#runs += 1;
    try {
      /** @type {number[]} */
      const heads = [];
      /** @type {unknown[]} */
      const data = [];
      for (const [index, value] of values) {
        heads.push(index);
        encodeValue(value, heads, data);
      }
      const handle = this.#open();
      const wanted = outputs && [...outputs];
      // wasm-bindgen copies the heads with TypedArray.set, which takes plain arrays as well.
      const numbers = /** @type {any} */ (heads);
      const results = callEngine(this.#engine, () => handle.run(numbers, data, wanted));
      return this.#decode(/** @type {any} */ (results), maps ?? false);
    } catch (error) {
      this.#failures += 1;
      throw error;
    } finally {
      this.#times.lastRun = performance.now() - start;
      this.#times.runs += this.#times.lastRun;
    }
  }

  /**
   * @param {[ArrayLike<number>, ...unknown[]]} results
   * @param {boolean} maps
   */
  #decode(results, maps) {
    const entries = decodeOutputs(results).map(([index, value]) => {
      const { name, labels } = /** @type {TensorInfo} */ (this.outputs[index]);
      return [name, maps && labels && value instanceof Tensor ? toMaps(value, labels) : value];
    });
    return Object.fromEntries(entries);
  }

  #checkReleased() {
    if (this.#isReleased) throw new InferenceError("SESSION_RELEASED", "the session has been released");
  }

  #open() {
    if (!this.#handle) throw new InferenceError("SESSION_RELEASED", "the session has been released");
    return this.#handle;
  }
}
