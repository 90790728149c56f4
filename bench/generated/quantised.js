/** 8-bit products, alone. */

import { Layers } from "./layers.js";

/** @typedef {import("./catalogue.js").GeneratedModel} GeneratedModel */

/** @type {GeneratedModel} */
const multiply = {
  name: "qlinear_matmul_256",
  family: "int8",
  multiplyAdds: 256 ** 3,
  isCoarse: true,
  inputs: { x: { type: "uint8", dims: [256, 256], low: 0, high: 256 } },
  write() {
    const layers = new Layers(7);
    const x = layers.input("x", "uint8", ["rows", 256]);
    const y = layers.add("QLinearMatMul", [
      ...[x, layers.floats([0.02], []), zeroPoint(layers, "uint8", 128)],
      ...[layers.integers("int8", [256, 256], -127, 128), layers.floats([0.005], [])],
      ...[zeroPoint(layers, "int8", 0), layers.floats([0.1], []), zeroPoint(layers, "uint8", 128)],
    ]);
    return layers.write([[y, "uint8", ["rows", 256]]]);
  },
};

/** @type {GeneratedModel} */
const convolve = {
  name: "qlinear_conv_3x3_64",
  family: "int8",
  multiplyAdds: 64 * 28 * 28 * 64 * 9,
  isCoarse: true,
  inputs: { x: { type: "uint8", dims: [1, 64, 28, 28], low: 0, high: 256 } },
  write() {
    const layers = new Layers(8);
    const x = layers.input("x", "uint8", ["batch", 64, "height", "width"]);
    const operands = [
      ...[x, layers.floats([0.02], []), zeroPoint(layers, "uint8", 128)],
      ...[layers.integers("int8", [64, 64, 3, 3], -127, 128), layers.floats([0.002], [])],
      ...[zeroPoint(layers, "int8", 0), layers.floats([0.1], []), zeroPoint(layers, "uint8", 128)],
      layers.integers("int32", [64], -1000, 1000),
    ];
    const y = layers.add("QLinearConv", operands, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
    return layers.write([[y, "uint8", ["batch", 64, "height", "width"]]]);
  },
};

/** What dynamic quantisation makes of a MatMul. @type {GeneratedModel} */
const multiplyDynamic = {
  name: "dynamic_matmul_128x384",
  family: "int8",
  multiplyAdds: 128 * 384 * 384,
  isCoarse: true,
  inputs: { x: { type: "float32", dims: [128, 384] } },
  write() {
    const layers = new Layers(9);
    const x = layers.input("x", "float32", ["rows", 384]);
    const [quantised = "", scale = "", zero = ""] = layers.addMany("DynamicQuantizeLinear", [x], 3);
    const weights = layers.integers("int8", [384, 384], -127, 128);
    const sums = layers.add("MatMulInteger", [quantised, weights, zero, zeroPoint(layers, "int8", 0)]);
    const scales = layers.add("Mul", [scale, layers.floats([0.01], [])]);
    const y = layers.add("Mul", [layers.add("Cast", [sums], { to: 1 }), scales]);
    return layers.write([[y, "float32", ["rows", 384]]]);
  },
};

/** @param {Layers} layers @param {"uint8" | "int8"} type @param {number} value */
function zeroPoint(layers, type, value) {
  return layers.integers(type, [], value, value);
}

export const quantised = [multiply, convolve, multiplyDynamic];
