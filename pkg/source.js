import { viewBytes } from "./bytes.js";
import { openCached } from "./cache.js";
import { checkAborted, InferenceError, messageOf } from "./error.js";

/**
 * Where bytes come from: a URL (as a string, a URL or a Request), a Response, bytes, a Blob, a stream of bytes, or a
 * promise of one of these. In Node a string without a scheme is a path.
 * @typedef {string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | UrlLike | RequestLike | ResponseLike | BlobLike | StreamLike} SourceValue
 */
/** @typedef {SourceValue | PromiseLike<SourceValue>} Source */
/** @typedef {{ readonly href: string, readonly pathname: string }} UrlLike a URL */
/** @typedef {{ readonly url: string, readonly method: string, clone(): unknown }} RequestLike a Request */
/** @typedef {{ readonly ok: boolean, readonly status: number, readonly bodyUsed: boolean, clone(): unknown }} ResponseLike a Response */
/** @typedef {{ readonly size: number, stream(): unknown, arrayBuffer(): Promise<ArrayBuffer> }} BlobLike a Blob or File */
/** @typedef {{ readonly locked: boolean, getReader(): any }} StreamLike a ReadableStream of bytes */

/**
 * Bytes on their way.
 * @typedef {object} Body
 * @property {string | undefined} url where they come from, for messages
 * @property {number | undefined} total how many there will be, where known
 * @property {Uint8Array} [bytes] all of them, where they are at hand
 * @property {AsyncIterable<Uint8Array>} chunks
 * @property {() => void} cancel ends what nobody reads any more
 * @property {(isGood: boolean) => Promise<void>} settle says whether the bytes turned out to be good to keep
 */

/** The most that is taken from memory before the next look at `signal`. */
const CHUNK = 1 << 20;

/**
 * What is handed to the engine at once: it stays in the processor's cache on its way, and V8, which puts optimised loops in the
 * place of those it starts with between calls only, soon has a chance to.
 */
const PART = 1 << 16;

/** @type {((url: string) => Promise<Body> | undefined) | undefined} */
let openFile;

/**
 * Sets how a string or URL that names a file is opened, where the environment has files.
 * @param {NonNullable<typeof openFile>} open
 */
export function setFileOpener(open) {
  openFile = open;
}

/**
 * @param {Source} source
 * @param {{ signal?: import("./load.js").Signal | undefined, cache?: boolean | string | undefined }} options
 * @returns {Promise<Body>}
 */
export async function openSource(source, { signal, cache }) {
  const value = await untilAborted(source, signal).catch((cause) => {
    throw explainFetch(cause, undefined, signal);
  });
  if (value instanceof ArrayBuffer || isSharedBuffer(value)) return openBytes(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return openBytes(viewBytes(value));
  const isObject = typeof value === "object" && value !== null;
  if (typeof value === "string" || (isObject && (isUrl(value) || isRequest(value)))) {
    const url = typeof value === "string" ? value : isUrl(value) ? value.href : value.url;
    const file = isRequest(value) ? undefined : openFile?.(url);
    return file ? await file : openUrl(value, url, signal, cache);
  }
  if (isObject && isResponse(value)) return openResponse(value, value.url || undefined);
  if (isObject && isBlob(value)) return openStream(value.stream(), value.size);
  if (isObject && isStream(value)) return openStream(value, undefined);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  throw new InferenceError(
    "INPUT_INVALID",
    `a model's source is a URL, a Request, a Response, bytes, a Blob or a stream, got ${kind}`,
    { input: "source" },
  );
}

/** @param {unknown} value @returns {value is SharedArrayBuffer} */
function isSharedBuffer(value) {
  return typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer;
}

/** @param {any} value @returns {value is URL} */
function isUrl(value) {
  return typeof value.href === "string";
}

/** @param {any} value @returns {value is Request} */
function isRequest(value) {
  return (
    typeof value.url === "string" && typeof value.method === "string" && typeof value.clone === "function"
  );
}

/** @param {any} value @returns {value is Response} */
function isResponse(value) {
  return (
    typeof value.ok === "boolean" && typeof value.status === "number" && typeof value.clone === "function"
  );
}

/** @param {any} value @returns {value is Blob} */
function isBlob(value) {
  return typeof value.stream === "function" && typeof value.size === "number";
}

/** @param {any} value @returns {value is ReadableStream<Uint8Array>} */
function isStream(value) {
  return typeof value.getReader === "function";
}

const nothing = async () => {};

/**
 * @param {Uint8Array} bytes
 * @returns {Body}
 */
function openBytes(bytes) {
  return {
    url: undefined,
    total: bytes.byteLength,
    bytes,
    chunks: splitBytes(bytes),
    cancel: nothing,
    settle: nothing,
  };
}

/** @param {Uint8Array} bytes */
async function* splitBytes(bytes) {
  for (let start = 0; start < bytes.byteLength; start += CHUNK) yield bytes.subarray(start, start + CHUNK);
}

/**
 * @param {unknown} request
 * @param {string} url
 * @param {import("./load.js").Signal | undefined} signal
 * @param {boolean | string | undefined} cache
 * @returns {Promise<Body>}
 */
async function openUrl(request, url, signal, cache) {
  try {
    const { response, settle } = await openCached(/** @type {Request} */ (request), signal, cache);
    return { ...openResponse(response, url), settle };
  } catch (cause) {
    throw explainFetch(cause, url, signal);
  }
}

/**
 * @param {unknown} cause
 * @param {string | undefined} url
 * @param {import("./load.js").Signal | undefined} signal
 */
function explainFetch(cause, url, signal) {
  checkAborted(signal);
  if (cause instanceof InferenceError) return cause;
  const reason =
    cause instanceof Error && cause.cause instanceof Error
      ? `${cause.message}: ${cause.cause.message}`
      : messageOf(cause);
  const where = url ? ` from ${url}` : "";
  return new InferenceError("MODEL_FETCH_FAILED", `the model cannot be fetched${where}: ${reason}`, {
    cause,
  });
}

/**
 * @param {Response} response
 * @param {string | undefined} url
 * @returns {Body}
 */
function openResponse(response, url) {
  const where = url ? ` from ${url}` : "";
  if (!response.ok) {
    const status = `${response.status} ${response.statusText}`.trim();
    throw new InferenceError("MODEL_FETCH_FAILED", `the model cannot be fetched${where}: status ${status}`);
  }
  if (response.bodyUsed) {
    throw new InferenceError("MODEL_FETCH_FAILED", `the body of the Response${where} has already been read`);
  }
  // The length of an encoded body is not that of the bytes that come out of it.
  const length = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
  const total = length && /^\d+$/.test(length) ? Number(length) : undefined;
  return response.body
    ? { ...openStream(response.body, total), url }
    : { ...openBytes(new Uint8Array()), url };
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number | undefined} total
 * @returns {Body}
 */
function openStream(stream, total) {
  if (stream.locked)
    throw new InferenceError("MODEL_FETCH_FAILED", "the stream has already been taken by another reader");
  const reader = stream.getReader();
  // Not at the end of the iteration, which waits for a read under way, of a stream that hangs for ever.
  const cancel = () => {
    reader.cancel().catch(() => {});
  };
  return { url: undefined, total, chunks: readChunks(reader), cancel, settle: nothing };
}

/** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
async function* readChunks(reader) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!(value instanceof Uint8Array)) {
      throw new InferenceError("MODEL_FETCH_FAILED", "the stream gives something other than Uint8Arrays");
    }
    yield* splitBytes(value);
  }
}

/**
 * Calls `take` with each part of the body, until it ends or `signal` is aborted.
 * @param {Body} body
 * @param {import("./load.js").Signal | undefined} signal
 * @param {(chunk: Uint8Array, loaded: number) => void} take loaded: the bytes before this part
 */
export async function drainBody(body, signal, take) {
  const chunks = body.chunks[Symbol.asyncIterator]();
  let loaded = 0;
  try {
    for (;;) {
      checkAborted(signal);
      const { done, value } = await readChunk(chunks, body.url, signal);
      if (done) return loaded;
      for (let start = 0; start < value.byteLength; start += PART)
        take(value.subarray(start, start + PART), loaded + start);
      loaded += value.byteLength;
    }
  } catch (error) {
    body.cancel();
    throw error;
  }
}

/**
 * @param {AsyncIterator<Uint8Array>} chunks
 * @param {string | undefined} url
 * @param {import("./load.js").Signal | undefined} signal
 */
async function readChunk(chunks, url, signal) {
  try {
    return await untilAborted(chunks.next(), signal);
  } catch (cause) {
    throw explainFetch(cause, url, signal);
  }
}

/**
 * `promise`, or an error as soon as `signal` is aborted.
 * @template T
 * @param {T | PromiseLike<T>} promise
 * @param {import("./load.js").Signal | undefined} signal
 * @returns {Promise<Awaited<T>>}
 */
export async function untilAborted(promise, signal) {
  checkAborted(signal);
  if (!signal) return await promise;
  /** @type {() => void} */
  let stop = () => {};
  const aborted = new Promise((_, reject) => {
    stop = () => {
      reject(new InferenceError("ABORTED", "the operation was aborted", { cause: signal.reason }));
    };
    signal.addEventListener("abort", stop);
  });
  try {
    return /** @type {Awaited<T>} */ (await Promise.race([promise, aborted]));
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
