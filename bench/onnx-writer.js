/**
 * Writes ONNX models from the words of tests/onnx.mjs, in a browser too: protobufjs, which that one uses, compiles code at
 * run time, and the Content-Security-Policy of the bench page forbids it.
 *
 * @typedef {{ name: string, type: string, dims: readonly (number | string)[] }} ValueSpec
 * @typedef {{ name: string, type: string, dims: readonly number[], data: ArrayBufferView }} TensorSpec
 * @typedef {number | string | Float | readonly number[] | readonly string[]} Attribute
 * @typedef {object} NodeSpec
 * @property {string} op
 * @property {readonly string[]} inputs
 * @property {readonly string[]} outputs
 * @property {Record<string, Attribute>} [attributes]
 * @property {string} [domain]
 * @typedef {object} ModelSpec
 * @property {readonly ValueSpec[]} inputs
 * @property {readonly ValueSpec[]} outputs
 * @property {readonly TensorSpec[]} initializers
 * @property {readonly NodeSpec[]} nodes
 * @property {Record<string, number>} [opset]
 * @typedef {{ bytes: Uint8Array[], length: number }} Message
 */

class Float {
  /** @param {number | readonly number[]} value */
  constructor(value) {
    this.value = value;
  }
}

/** Marks an attribute as FLOAT or FLOATS. @param {number | readonly number[]} value */
export const float = (value) => new Float(value);

/** @type {Record<string, number>} */
const dataTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, bool: 9 };

/** @param {ModelSpec} spec */
export function writeModel({ inputs, outputs, initializers, nodes, opset = { "ai.onnx": 17 } }) {
  const graph = join([
    ...nodes.map((node) => field(1, writeNode(node))),
    text(2, "graph"),
    ...initializers.map((tensor) => field(5, writeTensor(tensor))),
    ...inputs.map((value) => field(11, writeValue(value))),
    ...outputs.map((value) => field(12, writeValue(value))),
  ]);
  const opsets = Object.entries(opset).map(([domain, version]) =>
    field(8, join([text(1, domain === "ai.onnx" ? "" : domain), number(2, version)])),
  );
  return flatten(join([number(1, 8), text(2, "edgewise-bench"), field(7, graph), ...opsets]));
}

/** @param {NodeSpec} node */
function writeNode({ op, inputs, outputs, attributes = {}, domain }) {
  return join([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, writeAttribute(name, value))),
    ...(domain ? [text(7, domain)] : []),
  ]);
}

/** @param {string} name @param {Attribute} value */
function writeAttribute(name, value) {
  const kinds = { f: 1, i: 2, s: 3, floats: 6, ints: 7, strings: 8 };
  /** @param {keyof typeof kinds} kind @param {Message[]} content */
  const attribute = (kind, content) => join([text(1, name), ...content, number(20, kinds[kind])]);
  if (value instanceof Float) {
    return typeof value.value === "number"
      ? attribute("f", [single(2, value.value)])
      : attribute(
          "floats",
          value.value.map((item) => single(7, item)),
        );
  }
  if (typeof value === "number") return attribute("i", [number(3, value)]);
  if (typeof value === "string") return attribute("s", [text(4, value)]);
  const items = value.map((item) => (typeof item === "number" ? number(8, item) : text(9, item)));
  return attribute(typeof value[0] === "string" ? "strings" : "ints", items);
}

/** @param {TensorSpec} tensor */
function writeTensor({ name, type, dims, data }) {
  return join([
    ...dims.map((dim) => number(1, dim)),
    number(2, dataTypes[type] ?? 0),
    text(8, name),
    field(9, chunk(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))),
  ]);
}

/** @param {ValueSpec} value */
function writeValue({ name, type, dims }) {
  const shape = join(
    dims.map((dim) => field(1, join([typeof dim === "number" ? number(1, dim) : text(2, dim)]))),
  );
  return join([text(1, name), field(2, field(1, join([number(1, dataTypes[type] ?? 0), field(2, shape)])))]);
}

/** @param {number} id @param {Message} content */
function field(id, content) {
  return join([chunk(varint(id * 8 + 2)), chunk(varint(content.length)), content]);
}

/** @param {number} id @param {string} value */
function text(id, value) {
  return field(id, chunk(new TextEncoder().encode(value)));
}

/** @param {number} id @param {number} value */
function number(id, value) {
  return join([chunk(varint(id * 8)), chunk(varint(value))]);
}

/** @param {number} id @param {number} value */
function single(id, value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([chunk(varint(id * 8 + 5)), chunk(bytes)]);
}

/** Negative numbers take ten bytes, as int64. @param {number} value */
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? byte | 0x80 : byte);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** @param {Uint8Array} bytes @returns {Message} */
function chunk(bytes) {
  return { bytes: [bytes], length: bytes.length };
}

/** @param {Message[]} messages @returns {Message} */
function join(messages) {
  return {
    bytes: messages.flatMap(({ bytes }) => bytes),
    length: messages.reduce((sum, { length }) => sum + length, 0),
  };
}

/** @param {Message} message */
function flatten({ bytes, length }) {
  const whole = new Uint8Array(length);
  let position = 0;
  for (const part of bytes) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
