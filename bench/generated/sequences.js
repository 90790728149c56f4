/** Recurrent layers, attention and its norms, alone. */

import { float } from "../onnx-writer.js";
import { Layers } from "./layers.js";

/** @typedef {import("./catalogue.js").GeneratedModel} GeneratedModel */

/** @param {"LSTM" | "GRU"} op @param {number} steps @param {number} size @returns {GeneratedModel} */
function recur(op, steps, size) {
  const gates = op === "LSTM" ? 4 : 3;
  return {
    name: `${op.toLowerCase()}_${size}`,
    family: "recurrent",
    multiplyAdds: steps * gates * 2 * size * size,
    inputs: { x: { type: "float32", dims: [steps, 1, size] } },
    write() {
      const layers = new Layers(3);
      const x = layers.input("x", "float32", ["steps", "batch", size]);
      const weights = [1, 2].map(() => layers.weight([1, gates * size, size], size));
      const bias = layers.weight([1, 2 * gates * size], size);
      const attributes = {
        hidden_size: size,
        ...(op === "GRU" && { linear_before_reset: 1 }),
      };
      const [y = ""] = layers.addMany(op, [x, ...weights, bias], 1, attributes);
      return layers.write([[y, "float32", ["steps", 1, "batch", size]]]);
    },
  };
}

/** @param {number} heads @param {number} steps @param {number} size @returns {GeneratedModel} */
function attend(heads, steps, size) {
  const dims = ["batch", heads, "steps", size];
  const input = { type: /** @type {const} */ ("float32"), dims: [1, heads, steps, size] };
  return {
    name: `attention_${heads}x${steps}x${size}`,
    family: "attention",
    multiplyAdds: 2 * heads * steps * steps * size,
    inputs: { q: input, k: input, v: input },
    write() {
      const layers = new Layers(4);
      const [q = "", k = "", v = ""] = ["q", "k", "v"].map((name) => layers.input(name, "float32", dims));
      const turned = layers.add("Transpose", [k], { perm: [0, 1, 3, 2] });
      const scores = layers.add("Div", [
        layers.add("MatMul", [q, turned]),
        layers.floats([Math.sqrt(size)], []),
      ]);
      const y = layers.add("MatMul", [layers.add("Softmax", [scores], { axis: -1 }), v]);
      return layers.write([[y, "float32", dims]]);
    },
  };
}

/** @param {number} rows @param {number} size @returns {GeneratedModel} */
function normalise(rows, size) {
  return {
    name: `layer_norm_${rows}x${size}`,
    family: "norm",
    inputs: { x: { type: "float32", dims: [rows, size] } },
    write() {
      const layers = new Layers(5);
      const x = layers.input("x", "float32", ["rows", size]);
      const y = layers.add("LayerNormalization", [x, layers.weight([size], 1), layers.weight([size], 1)], {
        axis: -1,
        epsilon: float(1e-5),
      });
      return layers.write([[y, "float32", ["rows", size]]]);
    },
  };
}

/** @param {number} rows @param {number} size @returns {GeneratedModel} */
function takeSoftmax(rows, size) {
  return {
    name: `softmax_${rows}x${size}`,
    family: "norm",
    inputs: { x: { type: "float32", dims: [rows, size] } },
    write() {
      const layers = new Layers(6);
      const x = layers.input("x", "float32", ["rows", size]);
      return layers.write([[layers.add("Softmax", [x], { axis: -1 }), "float32", ["rows", size]]]);
    },
  };
}

export const sequences = [
  recur("LSTM", 64, 128),
  recur("GRU", 64, 128),
  attend(8, 128, 64),
  attend(4, 512, 32),
  normalise(128, 768),
  takeSoftmax(128, 1000),
];
