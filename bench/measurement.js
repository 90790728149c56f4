/** How times are taken: engines run in turns, so that all of them meet the same machine, and the least and the median are kept. */

/**
 * @typedef {{ minimum: number, median: number, samples: number }} Times milliseconds
 * @typedef {object} Patience
 * @property {number} milliseconds how long one engine may be measured
 * @property {number} [samples] the most samples of an engine
 * @property {number} [rest] milliseconds of rest before an engine's turn
 */

const fewestSamples = 3;
/** A sample holds as many runs as it takes to last this long, since clocks of browsers are coarse. */
const sampleMilliseconds = 1;

/**
 * @template T
 * @param {() => T | Promise<T>} work
 * @returns {Promise<{ value: T, time: number }>}
 */
export async function clock(work) {
  const start = performance.now();
  const value = await work();
  return { value, time: performance.now() - start };
}

/**
 * Runs each of `works` in turns, some times untimed first.
 *
 * @param {(() => Promise<unknown>)[]} works
 * @param {Patience} patience
 * @returns {Promise<Times[]>}
 */
export async function measureInTurns(works, { milliseconds, samples: most = 200, rest = 0 }) {
  /** @type {number[]} */
  const runs = [];
  for (const work of works) {
    let least = Infinity;
    for (let round = 0; round < fewestSamples; round += 1) least = Math.min(least, (await clock(work)).time);
    // A clock of a browser may say that no time has passed.
    runs.push(Math.max(1, Math.ceil(sampleMilliseconds / Math.max(least, 0.001))));
  }
  /** @type {number[][]} */
  const taken = works.map(() => []);
  const end = performance.now() + milliseconds * works.length;
  for (let round = 0; round < most; round += 1) {
    if (round >= fewestSamples && performance.now() > end) break;
    for (const [index, work] of works.entries()) {
      // Threads of the engine before may still be looking for work.
      if (rest > 0) {
        await delay(rest);
        // The caches are not its own after a rest.
        await work();
      }
      const count = runs[index] ?? 1;
      const { time } = await clock(() => repeat(work, count));
      taken[index]?.push(time / count);
    }
  }
  return taken.map(summarise);
}

/** @param {() => Promise<unknown>} work @param {number} count */
async function repeat(work, count) {
  for (let index = 0; index < count; index += 1) await work();
}

/** @param {number} milliseconds */
function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** @param {readonly number[]} times @returns {Times} */
export function summarise(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return {
    minimum: sorted[0] ?? NaN,
    median: sorted[sorted.length >> 1] ?? NaN,
    samples: sorted.length,
  };
}

/** @param {readonly number[]} values */
export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
