/** Whole networks of known shapes with drawn weights; their dims are open, so that they scale. */

import { float } from "../onnx-writer.js";
import { Layers } from "./layers.js";

/** @typedef {import("./catalogue.js").GeneratedModel} GeneratedModel */

/** Expansion, channels, repeats and stride of MobileNetV2's blocks (arXiv:1801.04381, table 2). */
const blocks = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** @type {GeneratedModel} */
export const mobilenet = {
  name: "mobilenet_v2",
  family: "network",
  multiplyAdds: 300e6,
  inputs: { image: { type: "float32", dims: [1, 3, 224, 224] } },
  write() {
    const layers = new Layers(12);
    let x = layers.input("image", "float32", ["batch", 3, "height", "width"]);
    x = convolve(layers, x, { channels: 3, filters: 32, kernel: 3, stride: 2 });
    let channels = 32;
    for (const [expansion = 1, filters = 0, repeats = 0, stride = 1] of blocks) {
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        x = bottleneck(layers, x, { channels, filters, expansion, stride: repeat === 0 ? stride : 1 });
        channels = filters;
      }
    }
    x = convolve(layers, x, { channels, filters: 1280, kernel: 1 });
    x = layers.add("Flatten", [layers.add("GlobalAveragePool", [x])], { axis: 1 });
    x = layers.add("Gemm", [x, layers.weight([1280, 1000]), layers.weight([1000], 1000)]);
    return layers.write([[layers.add("Softmax", [x], { axis: -1 }), "float32", ["batch", 1000]]]);
  },
};

/** @param {Layers} layers @param {string} x @param {{ channels: number, filters: number, expansion: number, stride: number }} shape */
function bottleneck(layers, x, { channels, filters, expansion, stride }) {
  const inner = channels * expansion;
  let y = expansion > 1 ? convolve(layers, x, { channels, filters: inner, kernel: 1 }) : x;
  y = convolve(layers, y, { channels: inner, filters: inner, kernel: 3, stride, group: inner });
  y = convolve(layers, y, { channels: inner, filters, kernel: 1, isLinear: true });
  return stride === 1 && channels === filters ? layers.add("Add", [x, y]) : y;
}

/**
 * A convolution as an exporter leaves it once its normalisation is folded in, and ReLU6.
 *
 * @param {Layers} layers
 * @param {string} x
 * @param {{ channels: number, filters: number, kernel: number, stride?: number, group?: number, isLinear?: boolean }} shape
 */
function convolve(layers, x, { channels, filters, kernel, stride = 1, group = 1, isLinear = false }) {
  const depth = channels / group;
  const pad = kernel >> 1;
  // ReLU halves what passes: twice the variance keeps the numbers at one size through the network.
  const weights = layers.weight([filters, depth, kernel, kernel], (depth * kernel * kernel) / 2);
  const y = layers.add("Conv", [x, weights, layers.weight([filters], 100)], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    group,
  });
  return isLinear ? y : layers.add("Clip", [y, layers.floats([0], []), layers.floats([6], [])]);
}

const width = 256;
const heads = 4;
const depth = 4;
const words = 1000;

/** An encoder such as sentence embeddings come from. @type {GeneratedModel} */
export const encoder = {
  name: "encoder_4x256",
  family: "network",
  inputs: { tokens: { type: "int64", dims: [1, 128], low: 0, high: words } },
  write() {
    const layers = new Layers(13);
    const tokens = layers.input("tokens", "int64", ["batch", "sequence"]);
    let x = layers.add("Gather", [layers.weight([words, width], 1), tokens]);
    for (let layer = 0; layer < depth; layer += 1) {
      x = normalise(layers, layers.add("Add", [x, attend(layers, x)]));
      x = normalise(layers, layers.add("Add", [x, feedForward(layers, x)]));
    }
    return layers.write([[x, "float32", ["batch", "sequence", width]]]);
  },
};

/** @param {Layers} layers @param {string} x @param {number} from @param {number} to */
function project(layers, x, from, to) {
  const product = layers.add("MatMul", [x, layers.weight([from, to])]);
  return layers.add("Add", [product, layers.weight([to], to)]);
}

/** @param {Layers} layers @param {string} x */
function attend(layers, x) {
  const [q = "", k = "", v = ""] = [
    [0, 2, 1, 3],
    [0, 2, 3, 1],
    [0, 2, 1, 3],
  ].map((perm) => {
    const split = layers.longs([0, 0, heads, width / heads]);
    return layers.add("Transpose", [layers.add("Reshape", [project(layers, x, width, width), split])], {
      perm,
    });
  });
  const scale = layers.floats([Math.sqrt(width / heads)], []);
  const scores = layers.add("Div", [layers.add("MatMul", [q, k]), scale]);
  const mixed = layers.add("MatMul", [layers.add("Softmax", [scores], { axis: -1 }), v]);
  const together = layers.add("Transpose", [mixed], { perm: [0, 2, 1, 3] });
  return project(layers, layers.add("Reshape", [together, layers.longs([0, 0, width])]), width, width);
}

/** With GELU as exporters write it. @param {Layers} layers @param {string} x */
function feedForward(layers, x) {
  const inner = project(layers, x, width, 4 * width);
  const erf = layers.add("Erf", [layers.add("Div", [inner, layers.floats([Math.SQRT2], [])])]);
  const gate = layers.add("Add", [erf, layers.floats([1], [])]);
  const half = layers.add("Mul", [layers.add("Mul", [inner, gate]), layers.floats([0.5], [])]);
  return project(layers, half, 4 * width, width);
}

/** @param {Layers} layers @param {string} x */
function normalise(layers, x) {
  const ones = layers.floats(Array(width).fill(1));
  return layers.add("LayerNormalization", [x, ones, layers.weight([width], width)], {
    axis: -1,
    epsilon: float(1e-5),
  });
}
