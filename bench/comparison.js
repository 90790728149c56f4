/** Whether engines give the same: a time for wrong numbers is none. */

import { compareTensor } from "../tests/compare.mjs";

/**
 * How far outputs are off those of another engine, relative to the largest of those; undefined where there is nothing to
 * compare: sequences and maps have forms of their own in each.
 *
 * @param {Record<string, any>} actual
 * @param {Record<string, any>} expected
 * @param {boolean} approximate whether integers may be rounded the other way
 */
export function compareOutputs(actual, expected, approximate) {
  const errors = Object.entries(expected)
    .filter(([name, value]) => isTensor(value) && isTensor(actual[name]))
    .map(([name, value]) => compareTensor(actual[name], value, { tolerance: 0, approximate }).error);
  return errors.length > 0 ? Math.max(...errors) : undefined;
}

/** @param {any} value */
function isTensor(value) {
  return Array.isArray(value?.dims) || ArrayBuffer.isView(value?.dims);
}
