/**
 * Builds ONNX models for tests, with the words that `session.inputs` uses. Bytes out, ready for `load`.
 *
 *     import { encodeModel, decodeModel, encodeMessage, tensor, graph, float } from "../onnx.mjs";
 *
 *     const bytes = encodeModel({
 *       inputs: [{ name: "x", type: "float32", dims: ["batch", 3] }],    // a dim: number, "name" or null (unknown)
 *       outputs: [{ name: "y", type: "float32", dims: ["batch", 3] }],   // no dims: unknown rank; no type: no type at all
 *       initializers: [{ name: "w", type: "float32", dims: [3], data: [1, 2, 3] }],
 *       nodes: [
 *         { op: "Add", inputs: ["x", "w"], outputs: ["sum"], name: "add7" },
 *         { op: "LeakyRelu", inputs: ["sum"], outputs: ["y"], attributes: { alpha: float(1) } },
 *       ],
 *       opset: 17,                            // or { "ai.onnx": 17, "com.example": 1 }
 *     });
 *
 * Also taken: `functions: [{ domain, name, inputs: ["a"], outputs: ["b"], attributes: ["alpha"], nodes, opset }]`,
 * `valueInfo` (as inputs), `properties` (metadata_props), `name` (of the graph) and, spelt as in onnx.proto but in camel
 * case, `irVersion`, `producerName`, `producerVersion`, `domain`, `modelVersion`, `docString`.
 *
 * - An input or output that is no tensor: `{ name, sequence: { type, dims } }`, `{ name, optional: { type, dims } }`,
 *   `{ name, map: { key: "int64", value: { type, dims } } }`; they nest.
 * - A tensor: `{ name, type, dims, data }`. `data` is an array, a typed array or, for string, an array of strings; dims
 *   default to [data.length]. float16 data: numbers, or a Uint16Array of bits; bfloat16, float8 and complex: a typed array
 *   of bits; 4-bit types: a Uint8Array, already packed. It is stored as raw_data; with `raw: false` in the typed fields
 *   (float_data, int32_data, ...). `external: { location, offset, length }` in place of data says where the data is.
 * - An attribute is told by its value: an integer is INT, any other number FLOAT, `float(1)` FLOAT too, a string STRING,
 *   `tensor({ type, dims, data })` TENSOR, `graph({ inputs, outputs, nodes, initializers })` GRAPH, and arrays of those. In a
 *   function `{ ref: "alpha" }` takes the attribute of the caller.
 *
 * `decodeModel(bytes)` gives the plain ModelProto (camel case; 64-bit integers as numbers), to break on purpose;
 * `encodeMessage(model)` turns it back:
 *
 *     const model = decodeModel(bytes);
 *     model.graph.node[0].input[1] = "missing";
 *     await load(encodeMessage(model));
 */

import { fileURLToPath } from "node:url";
import { Float16Array } from "@petamoriken/float16";
import protobuf from "protobufjs";

export const schema = protobuf.loadSync(fileURLToPath(new URL("./onnx-ml.proto", import.meta.url)));
const ModelProto = schema.lookupType("onnx.ModelProto");
export const dataTypes = schema.lookupEnum("onnx.TensorProto.DataType").values;
const attributeTypes = schema.lookupEnum("onnx.AttributeProto.AttributeType").values;

/** The JS array behind raw_data, and the field that holds the values when they are not raw. */
const storage = {
  float32: [Float32Array, "floatData"],
  float64: [Float64Array, "doubleData"],
  int8: [Int8Array, "int32Data"],
  int16: [Int16Array, "int32Data"],
  int32: [Int32Array, "int32Data"],
  int64: [BigInt64Array, "int64Data"],
  uint8: [Uint8Array, "int32Data"],
  uint16: [Uint16Array, "int32Data"],
  uint32: [Uint32Array, "uint64Data"],
  uint64: [BigUint64Array, "uint64Data"],
  bool: [Uint8Array, "int32Data"],
  float16: [Float16Array, "int32Data"],
};

export function encodeModel(spec) {
  return encodeMessage({
    irVersion: spec.irVersion ?? 8,
    producerName: spec.producerName ?? "edgewise-tests",
    producerVersion: spec.producerVersion,
    domain: spec.domain,
    modelVersion: spec.modelVersion,
    docString: spec.docString,
    graph: toGraph(spec),
    opsetImport: toOpsets(spec.opset),
    metadataProps: toEntries(spec.properties),
    functions: (spec.functions ?? []).map(toFunction),
  });
}

export function encodeMessage(model) {
  return ModelProto.encode(ModelProto.fromObject(model)).finish();
}

export function decodeModel(bytes) {
  return ModelProto.toObject(ModelProto.decode(bytes), { longs: Number, arrays: true });
}

/** Marks an attribute value as FLOAT where the number alone would be an INT; arrays too. */
export function float(value) {
  return { float: value };
}

export function tensor(spec) {
  return { tensor: spec };
}

export function graph(spec) {
  return { graph: spec };
}

function toGraph(spec) {
  return {
    name: spec.name ?? "graph",
    node: (spec.nodes ?? []).map(toNode),
    initializer: (spec.initializers ?? []).map(toTensor),
    input: (spec.inputs ?? []).map(toValueInfo),
    output: (spec.outputs ?? []).map(toValueInfo),
    valueInfo: (spec.valueInfo ?? []).map(toValueInfo),
  };
}

function toFunction(spec) {
  return {
    domain: spec.domain,
    name: spec.name,
    input: spec.inputs,
    output: spec.outputs,
    attribute: spec.attributes ?? [],
    node: spec.nodes.map(toNode),
    opsetImport: toOpsets(spec.opset),
  };
}

function toNode(spec) {
  return {
    opType: spec.op,
    name: spec.name,
    domain: spec.domain,
    input: spec.inputs ?? [],
    output: spec.outputs ?? [],
    attribute: Object.entries(spec.attributes ?? {}).map(([name, value]) => ({
      name,
      ...toAttribute(value),
    })),
  };
}

function toOpsets(opset = 17) {
  const versions = typeof opset === "number" ? { "ai.onnx": opset } : opset;
  return Object.entries(versions).map(([domain, version]) => ({
    domain: domain === "ai.onnx" ? "" : domain,
    version,
  }));
}

function toEntries(record = {}) {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

function toValueInfo(spec) {
  return { name: spec.name, type: toType(spec) };
}

function toType({ type, dims, sequence, optional, map }) {
  if (sequence) return { sequenceType: { elemType: toType(sequence) } };
  if (optional) return { optionalType: { elemType: toType(optional) } };
  if (map) return { mapType: { keyType: toDataType(map.key), valueType: toType(map.value) } };
  if (type === undefined) return undefined;
  return { tensorType: { elemType: toDataType(type), shape: dims && { dim: dims.map(toDim) } } };
}

function toDim(dim) {
  if (dim === null) return {};
  return typeof dim === "number" ? { dimValue: dim } : { dimParam: dim };
}

function toDataType(type) {
  const name = { float32: "FLOAT", float64: "DOUBLE" }[type] ?? type.toUpperCase();
  const value = dataTypes[name];
  if (value === undefined) throw new Error(`ONNX has no element type ${type}`);
  return value;
}

function toTensor(spec) {
  const { name, type, data, external, raw = true } = spec;
  const message = { name, dims: spec.dims ?? [data.length], dataType: toDataType(type) };
  if (external) return { ...message, dataLocation: 1, externalData: toEntries(stringify(external)) };
  if (type === "string") return { ...message, stringData: data.map((text) => Buffer.from(text)) };
  const [ArrayType, field] = storage[type] ?? [];
  if (!ArrayType || (type === "float16" && data instanceof Uint16Array)) {
    return raw ? { ...message, rawData: toBytes(data) } : { ...message, int32Data: Array.from(data) };
  }
  const values = data instanceof ArrayType ? data : ArrayType.from(data);
  if (raw) return { ...message, rawData: toBytes(values) };
  if (type === "float16") return { ...message, int32Data: Array.from(new Uint16Array(values.buffer)) };
  // protobufjs takes 64-bit integers as decimal text, not as BigInt.
  return {
    ...message,
    [field]: Array.from(values, (value) => (typeof value === "bigint" ? `${value}` : value)),
  };
}

function toBytes(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function stringify(record) {
  const known = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([key, value]) => [key, String(value)]));
}

function toAttribute(value) {
  if (Array.isArray(value)) return toListAttribute(value);
  if (value?.ref) return { refAttrName: value.ref, type: attributeTypes[value.type ?? "FLOAT"] };
  if (Array.isArray(value?.float)) return { type: attributeTypes.FLOATS, floats: value.float };
  const [kind, field, content] = toScalarAttribute(value);
  return { type: attributeTypes[kind], [field]: content };
}

function toListAttribute(values) {
  if (values.length === 0) return { type: attributeTypes.INTS, ints: [] };
  const scalars = values.map(toScalarAttribute);
  const [kind, field] = scalars.find(([kind]) => kind === "FLOAT") ?? scalars[0];
  const plural = { f: "floats", i: "ints", s: "strings", t: "tensors", g: "graphs" }[field];
  return { type: attributeTypes[`${kind}S`], [plural]: scalars.map(([, , content]) => content) };
}

function toScalarAttribute(value) {
  if (typeof value === "string") return ["STRING", "s", Buffer.from(value)];
  if (typeof value === "bigint") return ["INT", "i", `${value}`];
  if (Number.isInteger(value)) return ["INT", "i", value];
  if (typeof value === "number") return ["FLOAT", "f", value];
  if (value?.float !== undefined) return ["FLOAT", "f", value.float];
  if (value?.tensor) return ["TENSOR", "t", toTensor(value.tensor)];
  if (value?.graph) return ["GRAPH", "g", toGraph(value.graph)];
  throw new Error(`no ONNX attribute holds ${value}`);
}
