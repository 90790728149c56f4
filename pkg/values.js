import { InferenceError } from "./error.js";
import { copyTensor, decodeTensor, encodeTensor, Tensor } from "./tensor.js";

/**
 * What `run` takes for an input: a Tensor, an object like one, or where the model says enough about the input, bare
 * values: a typed array, a number, a bigint, a boolean, a string, or arrays of them nested to the input's rank. For a
 * map, a Map or a plain object.
 * @typedef {Tensor | { readonly type: string, readonly dims: readonly number[], readonly data: unknown }
 *   | ArrayBufferView | number | bigint | boolean | string | readonly unknown[]
 *   | ReadonlyMap<string | number | bigint, number | bigint | string>
 *   | { readonly [key: string]: number | bigint | string }} InputValue
 */

/** @typedef {import("./session.js").TensorInfo} TensorInfo */

/**
 * What `run` gives for an output: a Tensor and, of few models, an array for a sequence, a Map, or null for an optional that
 * is not there.
 * @typedef {Tensor | OutputValue[] | Map<string | bigint, number | bigint | string> | null} OutputValue
 */

/**
 * An input on its way to the engine: a tensor, a sequence of such, a map as tensors of its keys and its values, or null for
 * an optional that is not there.
 * @typedef {Tensor | ConvertedValue[] | { keys: Tensor, values: Tensor } | null} ConvertedValue
 */

/**
 * The tensor, or the sequence, that `value` stands for.
 * @param {InputValue | null} value
 * @param {TensorInfo} info what the model says about the input
 * @returns {ConvertedValue}
 */
export function convertInput(value, info) {
  if (info.kind.startsWith("optional") && value == null) return null;
  if (info.kind === "map") return toKeysAndValues(value, info);
  if (!info.kind.endsWith("sequence")) return toTensor(/** @type {InputValue} */ (value), info);
  if (Array.isArray(value)) return value.map((item) => toTensor(item, { ...info, kind: "tensor" }));
  throw new InferenceError("INPUT_INVALID", `input "${info.name}": expected an array of tensors`, {
    input: info.name,
  });
}

/**
 * The keys and values of a map, or of a plain object, whose keys JavaScript makes strings of.
 * @param {unknown} value
 * @param {TensorInfo} info what the model says about the input
 */
function toKeysAndValues(value, info) {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || value instanceof Tensor || ArrayBuffer.isView(value)) {
    throw new InferenceError("INPUT_INVALID", `input "${info.name}": expected a Map or an object`, {
      input: info.name,
    });
  }
  const isMap = value instanceof Map;
  const entries = isMap ? [...value] : Object.entries(value);
  const toKey = (/** @type {unknown} */ key) =>
    !isMap && info.keys === "int64" && /^[-+]?\d+$/.test(String(key)) ? BigInt(String(key)) : key;
  const column = (/** @type {TensorInfo["type"]} */ type, /** @type {unknown[]} */ values) =>
    toTensor(values, { name: info.name, kind: "tensor", type, dims: [values.length] });
  return {
    keys: column(
      info.keys ?? null,
      entries.map(([key]) => toKey(key)),
    ),
    values: column(
      info.type,
      entries.map(([, item]) => item),
    ),
  };
}

/**
 * A value of its own memory, since the caller may reuse what it gave.
 * @param {ConvertedValue} value
 * @returns {ConvertedValue}
 */
export function copyValue(value) {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(copyValue);
  return "keys" in value ? value : copyTensor(value);
}

const nothing = 0;
const sequence = -1;
const map = -2;

/**
 * Adds a value to what goes to the engine. `heads` gets the code of what it is: that of a tensor's type with rank and dims, that of a
 * sequence with its length and its items, that of a map with its keys and its values; `data` gets what the tensors hold.
 * @param {ConvertedValue} value
 * @param {number[]} heads
 * @param {unknown[]} data
 */
export function encodeValue(value, heads, data) {
  if (value === null) heads.push(nothing);
  else if (Array.isArray(value)) {
    heads.push(sequence, value.length);
    for (const item of value) encodeValue(item, heads, data);
  } else if ("keys" in value) {
    heads.push(map);
    encodeTensor(value.keys, heads, data);
    encodeTensor(value.values, heads, data);
  } else encodeTensor(value, heads, data);
}

/**
 * The outputs of a run, from what the engine gives: heads as above, each behind the index of its output, and after the heads what
 * the tensors hold.
 * @param {[ArrayLike<number>, ...unknown[]]} results
 * @returns {[index: number, value: OutputValue][]}
 */
export function decodeOutputs(results) {
  const [heads] = results;
  let at = 0;
  let next = 1;
  const take = () => /** @type {number} */ (heads[at++]);
  /** @returns {OutputValue} */
  const decode = () => {
    const code = take();
    if (code === nothing) return null;
    if (code === sequence) return Array.from({ length: take() }, decode);
    if (code === map) {
      const [keys, values] = /** @type {any} */ ([decode(), decode()]);
      return zip(keys.data, values.data);
    }
    const dims = Array.from({ length: take() }, take);
    return decodeTensor(code, dims, results[next++]);
  };
  /** @type {[number, OutputValue][]} */
  const outputs = [];
  while (at < heads.length) outputs.push([take(), decode()]);
  return outputs;
}

/**
 * A map of each row of `tensor`, for callers that want what the model's ZipMap gives.
 * @param {Tensor} tensor
 * @param {readonly (string | bigint)[]} labels
 * @returns {OutputValue[]}
 */
export function toMaps(tensor, labels) {
  const rows = tensor.dims.length === 1 ? 1 : (tensor.dims[0] ?? 0);
  const row = (/** @type {number} */ index) =>
    /** @type {any} */ (tensor.data).slice(index * labels.length, (index + 1) * labels.length);
  return Array.from({ length: rows }, (_, index) => zip(labels, row(index)));
}

/**
 * @param {readonly any[]} keys
 * @param {ArrayLike<any>} values
 */
function zip(keys, values) {
  return new Map(Array.from(keys, (key, index) => [key, values[index]]));
}

/**
 * The tensor that `value` stands for.
 * @param {InputValue} value
 * @param {TensorInfo} info what the model says about the input
 * @returns {Tensor}
 */
export function toTensor(value, info) {
  try {
    if (value instanceof Tensor) return value;
    if (isTensorLike(value))
      return new Tensor(/** @type {any} */ (value.type), /** @type {any} */ (value.data), value.dims);
    const type = info.type;
    if (!type) throw new InferenceError("INPUT_INVALID", "the model gives it no element type: give a Tensor");
    if (ArrayBuffer.isView(value)) return fromTypedArray(value, type, info);
    const { dims, values } = flatten(value);
    return new Tensor(type, values, fitDims(dims, values.length, info));
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    const { message, expected, actual } = error;
    throw new InferenceError("INPUT_INVALID", `input "${info.name}": ${message}`, {
      input: info.name,
      ...(expected !== undefined && { expected }),
      ...(actual !== undefined && { actual }),
    });
  }
}

/**
 * @param {unknown} value
 * @returns {value is { type: string, dims: readonly number[], data: unknown }}
 */
function isTensorLike(value) {
  return typeof value === "object" && value !== null && "type" in value && "dims" in value && "data" in value;
}

/** @param {TensorInfo} info */
function describeInfo({ type, dims }) {
  return `${type ?? "any"}[${dims ? dims.map((dim) => dim ?? "?").join(",") : "..."}]`;
}

/**
 * @param {ArrayBufferView} array
 * @param {import("./tensor.js").ElementType} type
 * @param {TensorInfo} info
 */
function fromTypedArray(array, type, info) {
  const data = /** @type {any} */ (array);
  const flat = new Tensor(type, data);
  return new Tensor(type, data, fitDims([flat.size], flat.size, info));
}

/**
 * The dims of `count` values that came with the dims `given`, where the model leaves no doubt.
 * @param {number[]} given
 * @param {number} count
 * @param {TensorInfo} info
 */
function fitDims(given, count, info) {
  if (!info.dims || (given.length === info.dims.length && given.length !== 1)) return given;
  const free = info.dims.filter((dim) => typeof dim !== "number").length;
  const fixed = info.dims.reduce(
    (/** @type {number} */ product, dim) => (typeof dim === "number" ? product * dim : product),
    1,
  );
  const isFlat = given.length <= 1;
  if (isFlat && free === 0 && fixed === count) return /** @type {number[]} */ ([...info.dims]);
  if (isFlat && free === 1 && fixed > 0 && count % fixed === 0) {
    return info.dims.map((dim) => (typeof dim === "number" ? dim : count / fixed));
  }
  // One value fills any number of free dims of size 1.
  if (given.length === 0 && fixed === 1) return info.dims.map(() => 1);
  if (given.length === info.dims.length) return given;
  const expected = describeInfo(info);
  const actual = given.length === 1 ? `${count} values` : `${info.type}[${given}]`;
  throw new InferenceError(
    "INPUT_INVALID",
    `expected ${expected}, got ${actual}, which do not tell its dims: give a Tensor`,
    {
      expected,
      actual,
    },
  );
}

/** More dims than any model has; an array that holds itself has no end. */
const MOST_DIMS = 32;

/**
 * @param {unknown} value
 * @param {number} [depth]
 * @returns {{ dims: number[], values: (number | bigint | boolean | string)[] }}
 */
function flatten(value, depth = 0) {
  if (depth > MOST_DIMS)
    throw new InferenceError("INPUT_INVALID", `the arrays are nested deeper than ${MOST_DIMS}`);
  if (!Array.isArray(value)) {
    if (["number", "bigint", "boolean", "string"].includes(typeof value)) {
      return { dims: [], values: [/** @type {number} */ (value)] };
    }
    const name = value === null ? "null" : typeof value;
    throw new InferenceError("INPUT_INVALID", `expected a Tensor, an array or a value, got ${name}`);
  }
  const parts = value.map((item) =>
    ArrayBuffer.isView(item) ? flatten([.../** @type {any} */ (item)], depth + 1) : flatten(item, depth + 1),
  );
  const inner = parts[0]?.dims ?? [];
  if (!parts.every((part) => String(part.dims) === String(inner))) {
    throw new InferenceError("INPUT_INVALID", "the nested arrays are not all of one length");
  }
  return { dims: [value.length, ...inner], values: parts.flatMap((part) => part.values) };
}
