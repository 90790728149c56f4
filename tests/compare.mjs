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

/**
 * Compares a sequence of maps with its reference, an array of JSON texts. `actual` is an array of Maps, or a tensor of a row for
 * each with `labels` for its columns.
 */
export function compareMaps(actual, expected, options) {
  const rows = expected.data.map((text) => JSON.parse(text));
  const keys = Object.keys(rows[0] ?? {});
  const { labels, tensor } = Array.isArray(actual)
    ? tabulate(actual)
    : { labels: actual.labels, tensor: actual };
  const known = labels.map(String);
  if (String([...known].sort()) !== String([...keys].sort())) {
    return { error: Infinity, fault: `has the labels ${known} in place of ${keys}` };
  }
  const data = Float32Array.from(rows.flatMap((row) => known.map((label) => row[label])));
  return compareTensor(tensor, { type: "float32", dims: [rows.length, known.length], data }, options);
}

/** Maps of the same keys as one tensor. */
function tabulate(maps) {
  const labels = [...(maps[0]?.keys() ?? [])];
  const data = Float32Array.from(maps.flatMap((map) => labels.map((label) => map.get(label) ?? NaN)));
  const sizes = new Set(maps.map((map) => map.size));
  const columns = sizes.size > 1 ? NaN : labels.length;
  return { labels, tensor: { type: "float32", dims: [maps.length, columns], data } };
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
