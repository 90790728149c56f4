/** Which of the package's binaries an environment can run: each probe is a module of a few bytes. */

/** @typedef {"simd128" | "relaxed" | "threads"} Binary */

const start = [0, 97, 115, 109, 1, 0, 0, 0, 1];

/** A function that uses i8x16.relaxed_swizzle. */
const relaxed = [
  ...[5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
];

/** A function that uses i32.atomic.load on shared memory. */
const shared = [
  ...[4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11],
];

/** @param {number[]} probe */
function runs(probe) {
  return WebAssembly.validate(new Uint8Array([...start, ...probe]));
}

export function hasRelaxed() {
  return runs(relaxed);
}

/** A page has shared memory where its headers isolate it: Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy. */
export function hasThreads() {
  const isIsolated = /** @type {any} */ (globalThis).crossOriginIsolated !== false;
  return isIsolated && typeof SharedArrayBuffer === "function" && hasRelaxed() && runs(shared);
}

/** Whether this thread may sleep: that of a page may not. */
export function maySleep() {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}
