/** What moves or maps elements, and trees, alone. */

import { float } from "../onnx-writer.js";
import { seedRandom } from "../random.js";
import { Layers } from "./layers.js";

/** @typedef {import("./catalogue.js").GeneratedModel} GeneratedModel */

/**
 * A model of one float32 input and one output, which `build` makes of it.
 *
 * @param {string} name
 * @param {number[]} dims
 * @param {(layers: Layers, x: string) => string} build
 * @returns {GeneratedModel}
 */
function map(name, dims, build) {
  return {
    name,
    family: "movement",
    inputs: { x: { type: "float32", dims } },
    write() {
      const layers = new Layers(10);
      const x = layers.input(
        "x",
        "float32",
        dims.map((_, axis) => `d${axis}`),
      );
      const y = build(layers, x);
      return layers.write([[y, "float32", dims.map((_, axis) => `y${axis}`)]]);
    },
  };
}

/** @param {Layers} layers @param {string} x */
function chain(layers, x) {
  const scaled = layers.add("Mul", [x, layers.floats([1.5], [])]);
  const moved = layers.add("Add", [scaled, layers.weight([1024], 1)]);
  const gated = layers.add("Mul", [moved, layers.add("Sigmoid", [moved])]);
  return layers.add("Add", [layers.add("Tanh", [gated]), layers.add("Erf", [x])]);
}

/** @param {"linear" | "nearest"} mode */
function resize(mode) {
  return (/** @type {Layers} */ layers, /** @type {string} */ x) =>
    layers.add("Resize", [x, "", layers.floats([1, 1, 2, 2])], {
      mode,
      coordinate_transformation_mode: mode === "linear" ? "half_pixel" : "asymmetric",
      ...(mode === "nearest" && { nearest_mode: "floor" }),
    });
}

/** @param {number[]} perm */
function transpose(perm) {
  return (/** @type {Layers} */ layers, /** @type {string} */ x) => layers.add("Transpose", [x], { perm });
}

/** @param {Layers} layers @param {string} x */
function pool(layers, x) {
  return layers.add("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
}

/**
 * A forest of full trees, written breadth first.
 *
 * @param {number} trees
 * @param {number} depth
 * @param {number} features
 * @param {number} rows
 * @returns {GeneratedModel}
 */
function growTrees(trees, depth, features, rows) {
  const leaves = 2 ** depth;
  const nodes = 2 * leaves - 1;
  return {
    name: `trees_${trees}`,
    family: "trees",
    inputs: { x: { type: "float32", dims: [rows, features] } },
    write() {
      const random = seedRandom(11);
      const every = Array.from({ length: trees * nodes }, (_, index) => index % nodes);
      const trunk = every.map((node) => node < leaves - 1);
      /** @template T @param {(tree: number, node: number) => T} make */
      const perLeaf = (make) =>
        Array.from({ length: trees * leaves }, (_, index) =>
          make(Math.floor(index / leaves), leaves - 1 + (index % leaves)),
        );
      const layers = new Layers(11);
      const x = layers.input("x", "float32", ["rows", features]);
      const attributes = {
        n_targets: 1,
        nodes_treeids: every.map((_, index) => Math.floor(index / nodes)),
        nodes_nodeids: every,
        nodes_modes: trunk.map((isTrunk) => (isTrunk ? "BRANCH_LEQ" : "LEAF")),
        nodes_featureids: trunk.map((isTrunk) => (isTrunk ? Math.floor(random() * features) : 0)),
        nodes_values: float(trunk.map((isTrunk) => (isTrunk ? 2 * random() - 1 : 0))),
        nodes_truenodeids: every.map((node, index) => (trunk[index] ? 2 * node + 1 : 0)),
        nodes_falsenodeids: every.map((node, index) => (trunk[index] ? 2 * node + 2 : 0)),
        target_treeids: perLeaf((tree) => tree),
        target_nodeids: perLeaf((_, node) => node),
        target_ids: perLeaf(() => 0),
        target_weights: float(perLeaf(() => random() - 0.5)),
      };
      const y = layers.add("TreeEnsembleRegressor", [x], attributes, "ai.onnx.ml");
      return layers.write([[y, "float32", ["rows", 1]]], { "ai.onnx": 17, "ai.onnx.ml": 3 });
    },
  };
}

export const movements = [
  map("elementwise_chain", [256, 1024], chain),
  map("resize_linear", [1, 32, 64, 64], resize("linear")),
  map("resize_nearest", [1, 32, 64, 64], resize("nearest")),
  map("transpose_to_nhwc", [1, 64, 112, 112], transpose([0, 2, 3, 1])),
  map("transpose_heads", [1, 128, 12, 64], transpose([0, 2, 1, 3])),
  map("max_pool_3x3", [1, 64, 112, 112], pool),
  growTrees(170, 6, 16, 64),
];
