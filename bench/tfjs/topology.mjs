/** Writes a TensorFlow graph as tfjs reads it: a GraphDef in JSON, its weights one after the other. */

export class Topology {
  #nodes = [];
  #specs = [];
  #weights = [];
  #count = 0;

  /** @param {string} name @param {number[]} dims */
  input(name, dims) {
    const shape = { shape: { dim: dims.map((size) => ({ size: String(size) })), unknownRank: false } };
    this.#nodes.push({ name, op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape } });
    return name;
  }

  /** @param {"float32" | "int32"} dtype @param {number[]} shape @param {ArrayLike<number>} data */
  constant(dtype, shape, data) {
    const name = this.#name("weight");
    const type = dtype === "float32" ? "DT_FLOAT" : "DT_INT32";
    const tensorShape = { dim: shape.map((size) => ({ size: String(size) })) };
    const attr = { dtype: { type }, value: { tensor: { dtype: type, tensorShape } } };
    this.#nodes.push({ name, op: "Const", attr });
    this.#specs.push({ name, shape, dtype });
    const values = dtype === "float32" ? Float32Array.from(data) : Int32Array.from(data);
    this.#weights.push(Buffer.from(values.buffer));
    return name;
  }

  /** @param {string} op @param {string[]} input @param {Record<string, any>} [attr] */
  add(op, input, attr = {}) {
    const name = this.#name(op);
    this.#nodes.push({ name, op, input, attr: { T: { type: "DT_FLOAT" }, ...attr } });
    return name;
  }

  write() {
    return {
      modelTopology: { node: this.#nodes, library: {}, versions: { producer: 1 } },
      weightSpecs: this.#specs,
      weightData: Buffer.concat(this.#weights),
    };
  }

  #name(prefix) {
    this.#count += 1;
    return `${prefix}_${this.#count}`;
  }
}

/** @param {string} value */
export const text = (value) => ({ s: encode(value) });
/** @param {string[]} values */
export const texts = (values) => ({ list: { s: values.map(encode) } });
/** @param {number[]} values */
export const integers = (values) => ({ list: { i: values.map(String) } });

/** @param {string} value */
function encode(value) {
  return Buffer.from(value).toString("base64");
}
