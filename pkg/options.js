import { InferenceError } from "./error.js";

/** @type {Record<string, [expected: string, test: (value: any) => boolean]>} */
const kinds = {
  signal: [
    "an AbortSignal",
    (value) => typeof value === "object" && typeof value?.addEventListener === "function",
  ],
  onProgress: ["a function", (value) => typeof value === "function"],
  integrity: ["a string", (value) => typeof value === "string"],
  externalData: ["an object of sources by name", isObject],
  cache: [
    "a boolean or the name of a cache",
    (value) => typeof value === "boolean" || typeof value === "string",
  ],
  limits: ["an object of numbers", hasNumbers],
  freeDimensionOverrides: ["an object of numbers by the name of a dim", hasNumbers],
  threads: ["a whole number from 1", (value) => Number.isInteger(value) && value > 0],
  maps: ["a boolean", (value) => typeof value === "boolean"],
  outputs: [
    "an array of names",
    (value) => Array.isArray(value) && value.every((name) => typeof name === "string"),
  ],
};

/** @param {any} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {any} value */
function hasNumbers(value) {
  return (
    isObject(value) && Object.values(value).every((item) => item === undefined || typeof item === "number")
  );
}

/**
 * The options, where each is of its kind; null stands for none.
 * @template {object} T
 * @param {T | null | undefined} options
 * @returns {T}
 */
export function checkOptions(options) {
  if (options === undefined) return /** @type {T} */ ({});
  const checked = options ?? /** @type {T} */ ({});
  if (!isObject(checked)) throw invalid("options", "an object", checked);
  for (const [name, [expected, test]] of Object.entries(kinds)) {
    const value = /** @type {Record<string, unknown>} */ (checked)[name];
    if (value !== undefined && !test(value)) throw invalid(`option ${name}`, expected, value);
  }
  return checked;
}

/**
 * @param {string} subject
 * @param {string} expected
 * @param {unknown} value
 */
function invalid(subject, expected, value) {
  const actual = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  const input = subject.replace("option ", "");
  return new InferenceError("INPUT_INVALID", `${subject}: expected ${expected}, got ${actual}`, {
    input,
    expected,
    actual,
  });
}

/**
 * Dims by the name of an input, checked like options.
 * @param {unknown} dims
 * @returns {Record<string, number[]>}
 */
export function checkDims(dims) {
  if (!isObject(dims)) throw invalid("dims", "an object of dims by the name of an input", dims);
  const entries = Object.entries(/** @type {Record<string, unknown>} */ (dims));
  for (const [name, value] of entries) {
    const isList = Array.isArray(value) && value.every((dim) => typeof dim === "number");
    if (!isList) throw invalid(`dims of input "${name}"`, "an array of numbers", value);
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, [.../** @type {number[]} */ (value)]]));
}
