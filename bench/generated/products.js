/** Matrix products and convolutions, alone. */

import { Layers } from "./layers.js";

/** @typedef {import("./catalogue.js").GeneratedModel} GeneratedModel */

/** @param {number} m @param {number} k @param {number} n @param {string} [name] @returns {GeneratedModel} */
function multiply(m, k, n, name = `gemm_${m}x${k}x${n}`) {
  return {
    name,
    family: "gemm",
    multiplyAdds: m * k * n,
    inputs: { x: { type: "float32", dims: [m, k] } },
    write() {
      const layers = new Layers(1);
      const x = layers.input("x", "float32", ["rows", k]);
      const y = layers.add("MatMul", [x, layers.weight([k, n])]);
      return layers.write([[y, "float32", ["rows", n]]]);
    },
  };
}

/** Neither side is a weight, so that nothing can be packed at load. @param {number} size @returns {GeneratedModel} */
function multiplyInputs(size) {
  const dims = [size, size];
  return {
    name: `gemm_of_inputs_${size}`,
    family: "gemm",
    multiplyAdds: size ** 3,
    inputs: { a: { type: "float32", dims }, b: { type: "float32", dims } },
    write() {
      const layers = new Layers(1);
      const a = layers.input("a", "float32", ["m", "k"]);
      const b = layers.input("b", "float32", ["k", "n"]);
      return layers.write([[layers.add("MatMul", [a, b]), "float32", ["m", "n"]]]);
    },
  };
}

/**
 * @param {string} name
 * @param {{ channels: number, filters: number, size: number, kernel: number, stride?: number, group?: number }} shape
 * @returns {GeneratedModel}
 */
function convolve(name, { channels, filters, size, kernel, stride = 1, group = 1 }) {
  const pad = kernel >> 1;
  const side = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const depth = channels / group;
  return {
    name,
    family: "convolution",
    multiplyAdds: filters * side * side * depth * kernel * kernel,
    inputs: { x: { type: "float32", dims: [1, channels, size, size] } },
    write() {
      const layers = new Layers(2);
      const x = layers.input("x", "float32", ["batch", channels, "height", "width"]);
      const weights = layers.weight([filters, depth, kernel, kernel], depth * kernel * kernel);
      const y = layers.add("Conv", [x, weights, layers.weight([filters], filters)], {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        group,
      });
      return layers.write([[y, "float32", ["batch", filters, "rows", "columns"]]]);
    },
  };
}

/** @param {number} channels @param {number} size @param {number} kernel @param {number} stride */
function convolveDepthwise(channels, size, kernel, stride) {
  const name = `depthwise_${kernel}x${kernel}_${channels}${stride > 1 ? `_stride${stride}` : ""}`;
  return convolve(name, { channels, filters: channels, group: channels, size, kernel, stride });
}

export const products = [
  multiply(64, 64, 64),
  multiply(256, 256, 256),
  multiply(512, 512, 512),
  multiply(4096, 64, 64, "gemm_tall_4096x64x64"),
  multiply(1, 1024, 1024, "gemv_1024x1024"),
  multiply(1, 256, 1000, "gemv_256x1000"),
  multiplyInputs(256),
  ...[
    [16, 112],
    [64, 56],
    [128, 28],
    [256, 14],
  ].map(([channels = 0, size = 0]) =>
    convolve(`conv_3x3_${channels}`, { channels, filters: channels, size, kernel: 3 }),
  ),
  convolve("conv_3x3_64_stride2", { channels: 64, filters: 64, size: 56, kernel: 3, stride: 2 }),
  convolve("conv_7x7_stem", { channels: 3, filters: 64, size: 224, kernel: 7, stride: 2 }),
  convolve("pointwise_32_to_192", { channels: 32, filters: 192, size: 28, kernel: 1 }),
  convolve("pointwise_576_to_96", { channels: 576, filters: 96, size: 14, kernel: 1 }),
  convolveDepthwise(96, 112, 3, 1),
  convolveDepthwise(192, 56, 3, 2),
  convolveDepthwise(240, 28, 5, 1),
];
