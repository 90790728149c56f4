/** Values of the ONNX node tests: from files to what an engine is given, and how far what it gives may be from them. */

import { existsSync, readFileSync } from "node:fs";
import { Float16Array } from "@petamoriken/float16";
import protobuf from "protobufjs";
import { dataTypes, schema } from "../onnx.mjs";

// A copy of what onnx-data.proto says of the values that are no tensors.
protobuf.parse(
  `syntax = "proto3"; package onnx;
   message SequenceProto { repeated TensorProto tensor_values = 3; }
   message OptionalProto { TensorProto tensor_value = 3; SequenceProto sequence_value = 5; }`,
  schema,
);
const messages = {
  tensor: schema.lookupType("onnx.TensorProto"),
  sequence: schema.lookupType("onnx.SequenceProto"),
  optional: schema.lookupType("onnx.OptionalProto"),
};

const typeNames = new Map(
  Object.entries(dataTypes).map(([name, value]) => [
    value,
    { FLOAT: "float32", DOUBLE: "float64" }[name] ?? name.toLowerCase(),
  ]),
);

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: globalThis.Float16Array ?? Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** The bits of an element that is smaller than a byte. */
const narrow = { int4: 4, uint4: 4, float4e2m1: 4, int2: 2, uint2: 2 };

/**
 * A tensor as `{ type, dims, data }`, a sequence as an array of those, nothing as null.
 * @param {string} path
 * @param {"tensor" | "sequence" | "optional"} kind
 */
export function readValue(path, kind) {
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  return toValue(messages[kind].decode(readFileSync(path)), kind);
}

function toValue(message, kind) {
  if (kind === "sequence") return message.tensorValues.map(toTensor);
  if (kind === "tensor") return toTensor(message);
  if (message.sequenceValue) return toValue(message.sequenceValue, "sequence");
  return message.tensorValue ? toTensor(message.tensorValue) : null;
}

function toTensor(proto) {
  const type = typeNames.get(proto.dataType);
  const dims = proto.dims.map(Number);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { type, dims, data: toData(proto, type, size) };
}

function toData(proto, type, size) {
  if (type === "string") return proto.stringData.map((bytes) => Buffer.from(bytes).toString("utf8"));
  if (type in narrow) return unpack(Uint8Array.from(toRaw(proto)), type, size);
  const ArrayType = arrays[type] ?? Uint8Array;
  if (proto.rawData?.length) return new ArrayType(Uint8Array.from(proto.rawData).buffer);
  const fields = { float32: "floatData", float64: "doubleData", int64: "int64Data" };
  const field = fields[type] ?? (/^uint(32|64)$/.test(type) ? "uint64Data" : "int32Data");
  const values = proto[field];
  if (type.endsWith("64") && type !== "float64")
    return ArrayType.from(values, (value) => BigInt(value.toString()));
  if (type === "float16") return new ArrayType(Uint16Array.from(values).buffer);
  return ArrayType.from(values, Number);
}

function toRaw(proto) {
  return proto.rawData?.length ? proto.rawData : proto.int32Data;
}

/** Elements stand in their bytes from the least bits on. */
function unpack(bytes, type, size) {
  const bits = narrow[type];
  const perByte = 8 / bits;
  const isSigned = type.startsWith("int");
  const values = new (isSigned ? Int8Array : Uint8Array)(size);
  for (let index = 0; index < size; index += 1) {
    const value = (bytes[Math.floor(index / perByte)] >> ((index % perByte) * bits)) & (2 ** bits - 1);
    values[index] = isSigned && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
  return values;
}

/** What is wrong with a value, or undefined; of one that is drawn only its type and dims count. */
export function findFault(actual, expected, { isDrawn }) {
  if (expected === null) return actual === null ? undefined : "there is a value";
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return "another number of tensors";
    return expected
      .map((tensor, index) => findFault(actual[index], tensor, { isDrawn }))
      .find((fault) => fault !== undefined);
  }
  if (actual?.type !== expected.type) return `${actual?.type} in place of ${expected.type}`;
  if (String(actual.dims) !== String(expected.dims)) return `[${actual.dims}] in place of [${expected.dims}]`;
  if (isDrawn) return undefined;
  const [a, e] = [toNumbers(actual), toNumbers(expected)];
  const isSame = compareBy(expected.type);
  for (let index = 0; index < e.length; index += 1)
    if (!isSame(a[index], e[index])) return `${a[index]} in place of ${e[index]}`;
  return undefined;
}

/** Results of half precision are computed as float32 and rounded once. */
const relative = { float32: 1e-3, float64: 1e-3, float16: 2e-3, bfloat16: 1e-2 };

/** The numbers that a type of eight bits writes NaN as. */
const isSmallNaN = {
  float8e4m3fn: (bits) => (bits & 0x7f) === 0x7f,
  float8e5m2: (bits) => (bits & 0x7f) > 0x7c,
  float8e4m3fnuz: (bits) => bits === 0x80,
  float8e5m2fnuz: (bits) => bits === 0x80,
  float8e8m0: (bits) => bits === 0xff,
};

function compareBy(type) {
  const tolerance = relative[type];
  const isMarked = isSmallNaN[type] ?? (() => false);
  if (tolerance === undefined) return (a, e) => a === e || (isMarked(a) && isMarked(e));
  return (a, e) => Object.is(a, e) || a === e || Math.abs(a - e) <= tolerance * Math.abs(e) + 1e-4;
}

function toNumbers({ type, data }) {
  if (type === "bfloat16") return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
  const isBits = type === "float16" && data instanceof Uint16Array;
  return isBits ? new Float16Array(data.buffer, data.byteOffset, data.length) : data;
}
