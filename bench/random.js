/** Numbers that look random and are the same everywhere: what a seed gives never changes. */

/** @typedef {"float32" | "int8" | "uint8" | "int32" | "int64"} GeneratedType */

const arrays = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
};

/** A generator of numbers from 0 up to 1 (mulberry32). @param {number} seed */
export function seedRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Values from `low` up to `high`; whole ones where the type is of integers.
 *
 * @param {() => number} random
 * @param {{ type: GeneratedType, dims: readonly number[], low?: number, high?: number }} shape
 */
export function drawTensor(random, { type, dims, low = -1, high = 1 }) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = new arrays[type](size);
  for (let index = 0; index < size; index += 1) {
    const value = low + random() * (high - low);
    data[index] =
      type === "float32" ? value : type === "int64" ? BigInt(Math.floor(value)) : Math.floor(value);
  }
  return { type, dims: [...dims], data };
}
