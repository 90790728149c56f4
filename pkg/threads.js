/**
 * A worker that an entry has started, as the engine sees it.
 * @typedef {object} Thread
 * @property {Promise<unknown>} ready settles when the worker takes part, or cannot
 * @property {() => unknown} end
 */
/** @typedef {(engine: { module: WebAssembly.Module, memory: WebAssembly.Memory }) => Thread} StartThread */

/** With more threads than these, what they wait for each other costs more than they gain. */
const most = 4;
/** A worker that has not answered by then is not waited for. */
const patience = 5000;

/** @type {StartThread | undefined} */
let startThread;
let isDefault = false;

/**
 * Sets how an environment starts a thread, and whether it does so unasked.
 * @param {StartThread} start
 * @param {{ isDefault: boolean }} options
 */
export function setThreadStarter(start, options) {
  startThread = start;
  isDefault = options.isDefault;
}

/**
 * How many threads an engine is to have.
 * @param {number | undefined} asked
 */
export function countThreads(asked) {
  if (!startThread) return 1;
  return asked ?? (isDefault ? Math.min(most, globalThis.navigator?.hardwareConcurrency ?? 1) : 1);
}

/**
 * Starts the threads beside the engine's own. One that cannot start is missing, and nothing else.
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory }} engine
 * @param {number} count
 * @returns {{ ready: Promise<unknown>, end: () => void }}
 */
export function startThreads(engine, count) {
  /** @type {Thread[]} */
  const threads = [];
  try {
    while (startThread && threads.length < count) threads.push(startThread(engine));
  } catch {
    // A policy against workers.
  }
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  const all = Promise.allSettled(threads.map(({ ready }) => ready));
  const ready = Promise.race([all, late]).finally(() => clearTimeout(timer));
  return { ready, end: () => threads.forEach(({ end }) => void end()) };
}
