/** How far an output is from its reference. */

import { Float16Array } from "@petamoriken/float16";

/**
 * `{ error, fault }`: `error` is the largest difference relative to the largest finite reference value, and `fault` says what is
 * wrong, if anything. Floats may differ by `tolerance`; everything else must be equal, unless `approximate` (a quantised
 * model may round an integer the other way).
 */
export function compareTensor(actual, expected, { tolerance, approximate = false }) {
  if (!actual) return { error: Infinity, fault: "is missing" };
  if (actual.type !== expected.type) {
    return { error: Infinity, fault: `is ${actual.type} in place of ${expected.type}` };
  }
  if (String(actual.dims) !== String(expected.dims)) {
    return { error: Infinity, fault: `has dims [${actual.dims}] in place of [${expected.dims}]` };
  }
  const size = expected.data.length;
  if (actual.data.length !== size) {
    return { error: Infinity, fault: `has ${actual.data.length} values in place of ${size}` };
  }
  const float = expected.type.startsWith("float");
  if (!float && !approximate) return compareExactly(actual.data, expected.data);
  if (expected.type === "string") return compareExactly(actual.data, expected.data);
  return compareNumbers(toNumbers(actual), toNumbers(expected), tolerance);
}

function compareExactly(actual, expected) {
  let wrong = 0;
  for (let index = 0; index < expected.length; index++) wrong += actual[index] === expected[index] ? 0 : 1;
  if (wrong === 0) return { error: 0 };
  return { error: wrong / expected.length, fault: `differs in ${wrong} of ${expected.length} values` };
}

function compareNumbers(actual, expected, tolerance) {
  let largest = 0;
  let worst = 0;
  let strange = 0;
  for (let index = 0; index < expected.length; index++) {
    const [a, e] = [actual[index], expected[index]];
    if (Number.isFinite(e)) largest = Math.max(largest, Math.abs(e));
    if (Number.isFinite(a) && Number.isFinite(e)) worst = Math.max(worst, Math.abs(a - e));
    else if (!Object.is(a, e)) strange++;
  }
  const error = worst / (largest || 1);
  if (strange > 0) return { error: Infinity, fault: `differs in ${strange} NaN or infinite values` };
  return error <= tolerance ? { error } : { error, fault: `is off by ${error.toExponential(1)}` };
}

function toNumbers({ type, data }) {
  if (type === "float16" && data instanceof Uint16Array) {
    return new Float16Array(data.buffer, data.byteOffset, data.length);
  }
  return typeof data[0] === "bigint" ? Array.from(data, Number) : data;
}
