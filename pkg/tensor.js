import { viewBytes } from "./bytes.js";
import { InferenceError } from "./error.js";

/**
 * @typedef {"float32" | "float64" | "float16" | "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32"
 *   | "uint64" | "bool" | "string" | NarrowType} ElementType
 */

/**
 * Types without an array of their own: bfloat16 as its bits, and those of a byte or less as one byte each, an integer or
 * the bits of a float.
 * @typedef {"bfloat16" | "int4" | "uint4" | "int2" | "uint2" | "float8e4m3fn" | "float8e4m3fnuz" | "float8e5m2"
 *   | "float8e5m2fnuz" | "float8e8m0" | "float4e2m1"} NarrowType
 */

/**
 * A Float16Array, where the engine has one; without its name, which older TypeScript libraries lack.
 * @typedef {{ readonly BYTES_PER_ELEMENT: number, readonly length: number, readonly buffer: ArrayBufferLike,
 *   readonly byteOffset: number, readonly byteLength: number, [index: number]: number }} HalfArray
 */

/**
 * The array that carries the values of each element type.
 * @typedef {{
 *   float32: Float32Array, float64: Float64Array, float16: Uint16Array | HalfArray,
 *   int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
 *   uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
 *   bool: Uint8Array, string: string[],
 *   bfloat16: Uint16Array, int4: Int8Array, uint4: Uint8Array, int2: Int8Array, uint2: Uint8Array,
 *   float8e4m3fn: Uint8Array, float8e4m3fnuz: Uint8Array, float8e5m2: Uint8Array, float8e5m2fnuz: Uint8Array,
 *   float8e8m0: Uint8Array, float4e2m1: Uint8Array,
 * }} TensorDataMap
 */

/** @typedef {{ new (length: number): any, new (buffer: ArrayBufferLike, offset: number, length: number): any, BYTES_PER_ELEMENT: number }} ArrayClass */

/** @type {ArrayClass} */
const Half = /** @type {any} */ (globalThis).Float16Array ?? Uint16Array;

/**
 * @typedef {object} ElementKind
 * @property {number} code the type's number in ONNX, by which the engine knows it
 * @property {ArrayClass} array
 * @property {string[]} accepts
 * @property {number | bigint} [least]
 * @property {number | bigint} [most]
 */

/** @type {Record<string, ElementKind>} */
const kinds = {
  float32: { code: 1, array: Float32Array, accepts: ["Float32Array"] },
  float64: { code: 11, array: Float64Array, accepts: ["Float64Array"] },
  float16: { code: 10, array: Half, accepts: ["Float16Array", "Uint16Array"] },
  int8: { code: 3, array: Int8Array, accepts: ["Int8Array"], least: -128, most: 127 },
  int16: { code: 5, array: Int16Array, accepts: ["Int16Array"], least: -32768, most: 32767 },
  int32: { code: 6, array: Int32Array, accepts: ["Int32Array"], least: -(2 ** 31), most: 2 ** 31 - 1 },
  int64: {
    code: 7,
    array: BigInt64Array,
    accepts: ["BigInt64Array"],
    least: -(2n ** 63n),
    most: 2n ** 63n - 1n,
  },
  uint8: { code: 2, array: Uint8Array, accepts: ["Uint8Array", "Uint8ClampedArray"], least: 0, most: 255 },
  uint16: { code: 4, array: Uint16Array, accepts: ["Uint16Array"], least: 0, most: 65535 },
  uint32: { code: 12, array: Uint32Array, accepts: ["Uint32Array"], least: 0, most: 2 ** 32 - 1 },
  uint64: { code: 13, array: BigUint64Array, accepts: ["BigUint64Array"], least: 0n, most: 2n ** 64n - 1n },
  bool: { code: 9, array: Uint8Array, accepts: ["Uint8Array"], least: 0, most: 1 },
  bfloat16: { code: 16, array: Uint16Array, accepts: ["Uint16Array"], least: 0, most: 65535 },
  int4: { code: 22, array: Int8Array, accepts: ["Int8Array"], least: -8, most: 7 },
  uint4: { code: 21, array: Uint8Array, accepts: ["Uint8Array"], least: 0, most: 15 },
  int2: { code: 26, array: Int8Array, accepts: ["Int8Array"], least: -2, most: 1 },
  uint2: { code: 25, array: Uint8Array, accepts: ["Uint8Array"], least: 0, most: 3 },
};
for (const [name, code] of /** @type {[string, number][]} */ ([
  ["e4m3fn", 17],
  ["e4m3fnuz", 18],
  ["e5m2", 19],
  ["e5m2fnuz", 20],
  ["e8m0", 24],
])) {
  kinds[`float8${name}`] = { code, array: Uint8Array, accepts: ["Uint8Array"], least: 0, most: 255 };
}
kinds.float4e2m1 = { code: 23, array: Uint8Array, accepts: ["Uint8Array"], least: 0, most: 15 };

const stringCode = 8;

/** @type {[type: string, array: ArrayClass | undefined][]} */
const byCode = [];
byCode[stringCode] = ["string", undefined];
for (const [type, { code, array }] of Object.entries(kinds)) byCode[code] = [type, array];

/**
 * An n-dimensional array in row-major order.
 * @template {ElementType} [T=ElementType]
 */
export class Tensor {
  /** What consoles show, where the class itself has lost its name to a minifier. @internal */
  static name = "Tensor";

  /** The element type. @readonly @type {T} */
  type;
  /** The values in row-major order. @readonly @type {TensorDataMap[T]} */
  data;
  /** The size of each dimension. @readonly @type {readonly number[]} */
  dims;

  /**
   * @param {T} type the element type
   * @param {TensorDataMap[T] | Uint8ClampedArray | readonly (number | bigint | boolean | string)[]} data the values: the
   *   array that belongs to the type, which is kept and not copied, or a plain array, which is converted without loss
   * @param {readonly number[]} [dims] the size of each dimension; without it, the tensor has one dimension
   */
  constructor(type, data, dims) {
    const values = toTypedData(type, data);
    const sizes = dims === undefined ? [values.length] : Array.from(dims ?? [NaN]);
    if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw invalid(`a tensor's dims are whole numbers from 0, got [${sizes}]`);
    }
    const count = sizes.reduce((product, size) => product * size, 1);
    if (count !== values.length) {
      throw invalid(`${type}[${sizes}] takes ${count} values, and data has ${values.length}`);
    }
    this.type = type;
    this.data = /** @type {TensorDataMap[T]} */ (values);
    this.dims = Object.freeze(sizes);
  }

  /** The number of values. */
  get size() {
    return this.data.length;
  }
}

/** @param {string} message */
function invalid(message) {
  return new InferenceError("INPUT_INVALID", message);
}

/**
 * @param {string} type
 * @param {unknown} data
 * @returns {any}
 */
function toTypedData(type, data) {
  if (type === "string") {
    if (Array.isArray(data) && data.every((value) => typeof value === "string")) return data;
    throw invalid("data of type string is an array of strings");
  }
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (!kind)
    throw invalid(`"${type}" is not an element type: use ${Object.keys(kinds).join(", ")} or string`);
  if (Array.isArray(data)) return convertValues(type, kind, data);
  if (data instanceof kind.array) return data;
  const name = nameOf(data);
  if (ArrayBuffer.isView(data) && kind.accepts.includes(name)) return data;
  throw invalid(`data of type ${type} is a ${kind.accepts.join(" or ")} or a plain array, got ${name}`);
}

/** @param {unknown} value what kind of array it is, also when it comes from another realm */
function nameOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/**
 * @param {string} type
 * @param {{ array: ArrayClass, least?: number | bigint, most?: number | bigint }} kind
 * @param {unknown[]} values
 */
function convertValues(type, kind, values) {
  const typed = new kind.array(values.length);
  const toBits = type === "float16" && kind.array === Uint16Array;
  values.forEach((value, index) => {
    const converted = convertValue(type, kind, value);
    typed[index] = toBits ? toHalfBits(Number(converted)) : converted;
  });
  return typed;
}

/**
 * The bits of the float16 nearest to `value`, ties to even (IEEE 754), for engines without a Float16Array.
 * @param {number} value
 */
function toHalfBits(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  let exponent = Math.max(Math.floor(Math.log2(size)), -14);
  if (exponent > -14 && 2 ** exponent > size) exponent -= 1;
  const scaled = size / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const isUp = scaled - floor > 0.5 || (scaled - floor === 0.5 && floor % 2 === 1);
  // A significand of 2048 carries into the exponent, and one below 1024 is that of a subnormal number.
  return sign | (((exponent + 14) << 10) + floor + Number(isUp));
}

/**
 * @param {string} type
 * @param {{ least?: number | bigint, most?: number | bigint }} kind
 * @param {unknown} value
 */
function convertValue(type, { least, most }, value) {
  const wrong = () =>
    invalid(`${typeof value === "string" ? `"${value}"` : String(value)} is not a value of type ${type}`);
  if (type === "bool" && typeof value === "boolean") return Number(value);
  if (typeof value !== "number" && typeof value !== "bigint") throw wrong();
  if (least === undefined || most === undefined) {
    if (typeof value !== "number") throw wrong();
    return value;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw wrong();
  if (value < least || value > most) throw wrong();
  return typeof least === "bigint" ? BigInt(value) : Number(value);
}

/**
 * Adds a tensor to what goes to the engine: type, rank and dims to `heads`, bytes or strings to `data`.
 * @param {Tensor} tensor
 * @param {number[]} heads
 * @param {unknown[]} data
 */
export function encodeTensor(tensor, heads, data) {
  const { type, dims } = tensor;
  heads.push(kinds[type]?.code ?? stringCode, dims.length, ...dims);
  const values = /** @type {any} */ (tensor.data);
  data.push(type === "string" ? values : viewBytes(values));
}

/**
 * The tensor that the engine gives as a code, dims and bytes of their own, or strings.
 * @param {number} code
 * @param {number[]} dims
 * @param {any} data
 * @returns {Tensor}
 */
export function decodeTensor(code, dims, data) {
  const [type, array] = /** @type {[any, ArrayClass | undefined]} */ (byCode[code]);
  const values = array
    ? new array(data.buffer, data.byteOffset, data.byteLength / array.BYTES_PER_ELEMENT)
    : data;
  return new Tensor(type, values, dims);
}

/**
 * @param {Tensor} tensor
 * @returns {Tensor}
 */
export function copyTensor(tensor) {
  return new Tensor(tensor.type, /** @type {any} */ (tensor.data).slice(), tensor.dims);
}
