import { callEngine, startEngine } from "./engine.js";
import { checkAborted, InferenceError } from "./error.js";
import { startHash } from "./hash.js";
import { checkOptions } from "./options.js";
import { Session } from "./session.js";
import { drainBody, openSource, untilAborted } from "./source.js";

/**
 * An AbortSignal, without its name, which only the DOM and Node libraries have.
 * @typedef {{ readonly aborted: boolean, readonly reason?: any, addEventListener(type: "abort", listener: () => void): void,
 *   removeEventListener(type: "abort", listener: () => void): void }} Signal
 */

/**
 * How far a load is. In the phases "download" and "external", `loaded` and `total` are bytes, and `total` is undefined
 * where the source does not tell; in the others, `loaded` goes from 0 to a `total` of 1.
 * @typedef {object} Progress
 * @property {"engine" | "download" | "external" | "prepare" | "ready"} phase
 * @property {number} loaded
 * @property {number | undefined} total
 */

/**
 * @typedef {object} ReadOptions
 * @property {Signal | undefined} [signal] ends the load
 * @property {((progress: Progress) => void) | undefined} [onProgress] is told how far the load is
 * @property {string | undefined} [integrity] hashes that the model's bytes must have, as in Subresource Integrity
 * @property {Record<string, import("./source.js").Source> | undefined} [externalData] files of weights, by the name that
 *   the model gives them
 * @property {boolean | string | undefined} [cache] keeps what comes from a URL in the browser's Cache API, in the cache of
 *   this name
 * @property {{ modelBytes?: number | undefined, tensorBytes?: number | undefined } | undefined} [limits] the most bytes that the
 *   model with its external data, and any one tensor, may take
 */

/** @typedef {ReadOptions & { freeDimensionOverrides?: Record<string, number> | undefined }} LoadOptions */

/**
 * What a model holds. `unsupported` gives, for each operator that Edgewise does not run, the names of its nodes.
 * @typedef {object} Inspection
 * @property {import("./session.js").TensorInfo[]} inputs
 * @property {import("./session.js").TensorInfo[]} outputs
 * @property {Record<string, number>} operators how often each operator stands in the model
 * @property {Record<string, string[]>} unsupported
 * @property {Record<string, number>} opsets the version of each operator set
 * @property {import("./session.js").Metadata} metadata
 */

/**
 * Loads a model and makes it ready to run.
 * @param {import("./source.js").Source} source
 * @param {LoadOptions} [options] freeDimensionOverrides: sizes for named dims; a model whose dims are then all known is
 *   planned now, and not at its first run
 * @returns {Promise<Session>}
 */
export async function load(source, options) {
  const checked = checkOptions(options);
  const { signal, onProgress, freeDimensionOverrides = {} } = checked;
  return read(source, checked, async (engine, reader, use, files, times) => {
    await readExternal(files, checked, (location, position, chunk) =>
      callEngine(engine, () => reader.pushExternal(location, position, chunk)),
    );
    onProgress?.({ phase: "prepare", loaded: 0, total: 1 });
    await untilAborted(engine.threads?.ready, signal);
    const start = now();
    const handle = callEngine(engine, () =>
      use().load({ freeDimensionOverrides: { ...freeDimensionOverrides } }),
    );
    const session = new Session(engine, handle, { ...times, prepare: now() - start });
    try {
      onProgress?.({ phase: "prepare", loaded: 1, total: 1 });
      onProgress?.({ phase: "ready", loaded: 1, total: 1 });
      checkAborted(signal);
    } catch (error) {
      await session.release();
      throw error;
    }
    return session;
  });
}

/**
 * Reads a model and says what it holds, without preparing it to run; external data is not needed.
 * @param {import("./source.js").Source} source
 * @param {ReadOptions} [options]
 * @returns {Promise<Inspection>}
 */
export async function inspect(source, options) {
  return read(source, checkOptions(options), async (engine, _, use) => {
    const found = callEngine(engine, () => use().inspect());
    return { ...found, opsets: found.metadata.opsets };
  });
}

/** @typedef {{ location: string, tensors: string[], bytes: number }} ExternalFile */

/**
 * Gives the bytes of a source to a reader, and what came of it to `finish`.
 * @template {{ metadata: import("./session.js").Metadata }} T
 * @param {import("./source.js").Source} source
 * @param {ReadOptions} options
 * @param {(engine: import("./engine.js").Engine, reader: import("./wasm/edgewise.js").ModelReader,
 *   use: () => import("./wasm/edgewise.js").ModelReader, files: ExternalFile[],
 *   times: { engine: number, download: number }) => Promise<T>} finish use: the reader, for the call that uses it up
 * @returns {Promise<T>}
 */
async function read(source, options, finish) {
  const { signal, onProgress } = options;
  checkAborted(signal);
  const start = now();
  onProgress?.({ phase: "engine", loaded: 0, total: 1 });
  // The model is on its way while the engine compiles; a failure of either ends both.
  const opening = openSource(source, options);
  opening.catch(() => {});
  /** @type {import("./source.js").Body | undefined} */
  let body;
  /** @type {(() => void) | undefined} */
  let free;
  let isGood = false;
  try {
    const engine = await untilAborted(startEngine(), signal);
    onProgress?.({ phase: "engine", loaded: 1, total: 1 });
    const engineTime = now() - start;
    body = await opening;
    const { total } = body;
    const { integrity, limits = {} } = options;
    const hash = integrity === undefined ? await startHash(body.bytes) : undefined;
    const reader = callEngine(
      engine,
      ({ ModelReader }) => new ModelReader({ ...limits, hash: !hash, integrity, expected: total }),
    );
    free = () => {
      if (!engine.isDead) reader.free();
    };
    onProgress?.({ phase: "download", loaded: 0, total });
    await drainBody(body, signal, (chunk, loaded) => {
      callEngine(engine, () => reader.push(chunk));
      hash?.update(chunk);
      onProgress?.({ phase: "download", loaded: loaded + chunk.byteLength, total });
    });
    const files = callEngine(engine, () => reader.end());
    isGood = true;
    const use = () => {
      free = undefined;
      return reader;
    };
    const times = { engine: engineTime, download: now() - start - engineTime };
    const result = await finish(engine, reader, use, files, times);
    if (hash) result.metadata.sha256 = await hash.digest();
    return result;
  } catch (error) {
    opening.then((opened) => opened.cancel()).catch(() => {});
    throw body?.url ? addSource(error, body.url) : error;
  } finally {
    free?.();
    await body?.settle(isGood);
  }
}

/**
 * Bytes that are no model are best explained by where they came from.
 * @param {unknown} error
 * @param {string} url
 */
function addSource(error, url) {
  if (!(error instanceof InferenceError) || error.code !== "MODEL_INVALID") return error;
  return new InferenceError(error.code, `${url}: ${error.message}`, error);
}

/**
 * @param {ExternalFile[]} files what the model needs
 * @param {ReadOptions} options
 * @param {(location: string, position: number, chunk: Uint8Array) => void} take
 */
async function readExternal(files, { externalData = {}, signal, onProgress, cache }, take) {
  const missing = files.filter(({ location }) => !Object.hasOwn(externalData, location));
  if (missing.length > 0) {
    const names = missing.map(
      ({ location, tensors }) => `"${location}" (for "${tensors[0]}" and ${tensors.length - 1} more)`,
    );
    throw new InferenceError(
      "INPUT_INVALID",
      `the model needs external data: give it as externalData: ${names.join(", ")}`,
      {
        input: "externalData",
      },
    );
  }
  for (const { location, bytes } of files) {
    const source = /** @type {import("./source.js").Source} */ (externalData[location]);
    const body = await openSource(source, { signal, cache });
    const { total } = body;
    const length = await drainBody(body, signal, (chunk, loaded) => {
      take(location, loaded, chunk);
      onProgress?.({ phase: "external", loaded: loaded + chunk.byteLength, total });
    });
    await body.settle(length >= bytes);
    if (length < bytes) {
      throw new InferenceError(
        "MODEL_INVALID",
        `the external data "${location}" is truncated: it has ${length} bytes of ${bytes}`,
      );
    }
  }
}

/** Milliseconds of a clock that only goes forward. */
export function now() {
  return performance.now();
}
