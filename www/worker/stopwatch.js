/** @typedef {import("../messages.js").RunTimings} Timings */

/**
 * Runs a piece of work and adds the time it took to one of the timings.
 *
 * @template T
 * @param {Timings} timings
 * @param {keyof Timings} stage
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function measure(timings, stage, work) {
  const start = performance.now();
  try {
    return await work();
  } finally {
    timings[stage] = (timings[stage] ?? 0) + performance.now() - start;
  }
}
