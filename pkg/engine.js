import { InferenceError, messageOf } from "./error.js";
import { hasRelaxed, hasThreads, maySleep } from "./features.js";
import { checkOptions } from "./options.js";
import { countThreads, startThreads } from "./threads.js";
import * as glue from "./wasm/edgewise.js";

/**
 * Where the engine's WebAssembly comes from: a compiled module, its bytes, a Response, a URL, or a promise of one.
 * @typedef {string | ArrayBuffer | ArrayBufferView | { readonly href: string } | import("./source.js").ResponseLike | object} WasmValue
 */
/** @typedef {WasmValue | PromiseLike<WasmValue>} WasmSource */

/**
 * One instance of the engine. A trap ends it; the next load starts another.
 * @typedef {object} Engine
 * @property {boolean} isDead
 * @property {unknown} cause what ended it
 * @property {string | undefined} panic the message of a Rust panic
 * @property {{ ready: Promise<unknown>, end: () => void } | undefined} threads those beside the caller's
 */

/** @type {(binary: import("./features.js").Binary) => WasmSource} */
let locateWasm = () => {
  throw new Error("this entry of edgewise does not know where its wasm is: call init({ wasm }) first");
};

/** @type {Promise<Engine> | undefined} */
let current;

/** Kept for a restart. @type {WebAssembly.Module | undefined} */
let compiled;

/** How many threads were asked for. @type {number | undefined} */
let asked;

/**
 * Sets where an environment finds the binaries. Nothing is read before the first use, and then one of them.
 * @param {(binary: import("./features.js").Binary) => WasmSource} locate
 */
export function setWasmLocator(locate) {
  locateWasm = locate;
}

/**
 * Starts the engine, which otherwise the first `load` does. A second call does nothing; after a failed one, the next
 * call tries again.
 * @param {{ wasm?: WasmSource, threads?: number }} [options] wasm: where the engine's WebAssembly comes from, in place of the
 *   package's own; threads: how many share the work of a run, where the environment has threads: by default up to four in a
 *   page that is cross-origin isolated, and one elsewhere
 * @returns {Promise<void>}
 */
export async function init(options = {}) {
  const { wasm, threads } = checkOptions(options);
  if (!current) asked = threads ?? asked;
  const engine = await startEngine(wasm);
  await engine.threads?.ready;
}

/**
 * The running engine, started where none is.
 * @param {WasmSource} [wasm]
 * @returns {Promise<Engine>}
 */
export function startEngine(wasm) {
  if (!current) {
    const starting = start(wasm);
    current = starting;
    starting.catch(() => {
      if (current === starting) current = undefined;
    });
  }
  return current;
}

/** @param {WasmSource | undefined} wasm */
async function start(wasm) {
  /** @type {Engine} */
  const engine = { isDead: false, cause: undefined, panic: undefined, threads: undefined };
  try {
    const count = countThreads(asked);
    // Made before the download: where there is no room for it, the binary without threads is the one to load.
    let memory = count > 1 && hasThreads() ? makeMemory() : undefined;
    const binary = memory ? "threads" : hasRelaxed() ? "relaxed" : "simd128";
    compiled ??= await compile(wasm === undefined ? locateWasm(binary) : wasm);
    // A module of the caller's own may be any of the binaries.
    const isShared = WebAssembly.Module.imports(compiled).some(({ kind }) => kind === "memory");
    memory = isShared ? (memory ?? makeMemory()) : undefined;
    await glue.instantiate(compiled, memory);
    if (memory) {
      if (maySleep()) glue.allowWait();
      engine.threads = startThreads({ module: compiled, memory }, count - 1);
    }
    glue.onPanic((/** @type {string} */ message) => {
      engine.panic = message;
    });
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    throw new InferenceError("ENGINE_LOAD_FAILED", `the engine cannot be started: ${messageOf(cause)}`, {
      cause,
    });
  }
  return engine;
}

/** Memory for threads to share, as large as can be had; none where that is too little for a model. */
function makeMemory() {
  for (const maximum of [65_536, 32_768, 16_384]) {
    try {
      return new WebAssembly.Memory({ initial: glue.sharedPages, maximum, shared: true });
    } catch {
      // A browser that is short of addresses.
    }
  }
  return undefined;
}

/**
 * @param {WasmSource} wasm
 * @returns {Promise<WebAssembly.Module>}
 */
async function compile(wasm) {
  const value = /** @type {any} */ (await wasm);
  if (value instanceof WebAssembly.Module) return value;
  // A bundler's loader may hand over the namespace of a module whose default export is the wasm.
  if (value?.default instanceof WebAssembly.Module) return value.default;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return WebAssembly.compile(/** @type {BufferSource} */ (value));
  }
  const isResponse = typeof Response === "function" && value instanceof Response;
  return compileResponse(isResponse ? value : await fetch(value));
}

/** @param {Response} response */
async function compileResponse(response) {
  const where = response.url ? ` at ${response.url}` : "";
  if (!response.ok) {
    throw new InferenceError(
      "ENGINE_LOAD_FAILED",
      `the engine's wasm${where} cannot be fetched: status ${response.status}`,
    );
  }
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm") && WebAssembly.compileStreaming)
    return WebAssembly.compileStreaming(response);
  const bytes = await response.arrayBuffer();
  if (new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength)).join() === "0,97,115,109")
    return WebAssembly.compile(bytes);
  throw new InferenceError(
    "ENGINE_LOAD_FAILED",
    `what is served as the engine's wasm${where} is not WebAssembly but ${type || "something else"}. With Vite 5 to 7 in ` +
      'development, add optimizeDeps: { exclude: ["edgewise"] }; with esbuild or Rollup, copy dist/wasm/*.wasm of the ' +
      "package beside the bundle; or call init({ wasm }) with its address.",
  );
}

/**
 * Calls the engine. What it throws by itself becomes an InferenceError; anything else is a trap, which ends it.
 * @internal
 * @template T
 * @param {Engine} engine
 * @param {(exports: typeof glue) => T} work
 * @returns {T}
 */
export function callEngine(engine, work) {
  if (engine.isDead) {
    const message = "the engine that held this session has stopped; load the model again";
    throw new InferenceError("ENGINE_CRASHED", message, { cause: engine.cause });
  }
  engine.panic = undefined;
  try {
    return work(glue);
  } catch (thrown) {
    const cause = /** @type {any} */ (thrown);
    const isOwn = typeof cause === "object" && !(cause instanceof Error) && typeof cause?.code === "string";
    if (isOwn) throw new InferenceError(cause.code, cause.message, cause);
    // First, and without a call: after a stack overflow there may be no room for more.
    engine.isDead = true;
    engine.cause = cause;
    engine.threads?.end();
    current = undefined;
    const reason = engine.panic ?? messageOf(cause);
    const message = `the engine stopped: ${reason}. Its sessions are lost; load the model again`;
    throw new InferenceError("ENGINE_CRASHED", message, { cause });
  }
}
