/**
 * Puts ONNX models together layer by layer: weights are drawn from a seed, values get names by themselves.
 *
 *     const layers = new Layers(1);
 *     const x = layers.input("x", "float32", ["batch", 16]);
 *     const y = layers.add("MatMul", [x, layers.weight([16, 4])]);
 *     const bytes = layers.write([[y, "float32", ["batch", 4]]]);
 */

import { writeModel } from "../onnx-writer.js";
import { drawTensor, seedRandom } from "../random.js";

/**
 * @typedef {import("../onnx-writer.js").NodeSpec} NodeSpec
 * @typedef {import("../onnx-writer.js").TensorSpec} TensorSpec
 * @typedef {import("../onnx-writer.js").ValueSpec} ValueSpec
 * @typedef {import("../random.js").GeneratedType} GeneratedType
 * @typedef {readonly (number | string)[]} Dims
 */

export class Layers {
  /** @type {ValueSpec[]} */ #inputs = [];
  /** @type {TensorSpec[]} */ #initializers = [];
  /** @type {NodeSpec[]} */ #nodes = [];
  #random;
  #count = 0;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = seedRandom(seed);
  }

  /** @param {string} name @param {GeneratedType} type @param {Dims} dims */
  input(name, type, dims) {
    this.#inputs.push({ name, type, dims });
    return name;
  }

  /**
   * A weight of float32, of a size that keeps sums of `fanIn` products near 1.
   *
   * @param {readonly number[]} dims
   * @param {number} [fanIn]
   */
  weight(dims, fanIn = dims[0] ?? 1) {
    const bound = Math.sqrt(3 / fanIn);
    return this.constant(drawTensor(this.#random, { type: "float32", dims, low: -bound, high: bound }));
  }

  /** @param {GeneratedType} type @param {readonly number[]} dims @param {number} low @param {number} high */
  integers(type, dims, low, high) {
    return this.constant(drawTensor(this.#random, { type, dims, low, high }));
  }

  /** @param {number[]} values @param {readonly number[]} [dims] */
  floats(values, dims = [values.length]) {
    return this.constant({ type: "float32", dims, data: Float32Array.from(values) });
  }

  /** @param {number[]} values */
  longs(values) {
    return this.constant({ type: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  /** @param {{ type: string, dims: readonly number[], data: ArrayBufferView }} tensor */
  constant(tensor) {
    this.#count += 1;
    const name = `w${this.#count}`;
    this.#initializers.push({ name, ...tensor });
    return name;
  }

  /**
   * A node of one output; its name.
   *
   * @param {string} op
   * @param {readonly string[]} inputs
   * @param {NodeSpec["attributes"]} [attributes]
   * @param {string} [domain]
   */
  add(op, inputs, attributes = {}, domain = "") {
    return this.addMany(op, inputs, 1, attributes, domain)[0] ?? "";
  }

  /**
   * A node; the names of its outputs.
   *
   * @param {string} op
   * @param {readonly string[]} inputs
   * @param {number} outputs
   * @param {NodeSpec["attributes"]} [attributes]
   * @param {string} [domain]
   */
  addMany(op, inputs, outputs, attributes = {}, domain = "") {
    const names = Array.from({ length: outputs }, () => {
      this.#count += 1;
      return `v${this.#count}`;
    });
    this.#nodes.push({ op, inputs, outputs: names, attributes, domain });
    return names;
  }

  /**
   * The model's bytes; what it gives are the values of these names.
   *
   * @param {[name: string, type: string, dims: Dims][]} outputs
   * @param {Record<string, number>} [opset]
   */
  write(outputs, opset = { "ai.onnx": 17 }) {
    return writeModel({
      inputs: this.#inputs,
      outputs: outputs.map(([name, type, dims]) => ({ name, type, dims })),
      initializers: this.#initializers,
      nodes: this.#nodes,
      opset,
    });
  }
}
