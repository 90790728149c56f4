/** Small models that several tests use. */

import { readFileSync } from "node:fs";
import { encodeModel, graph } from "../onnx.mjs";

export const mnist = readFileSync(new URL("../models/mnist_cntk/model.onnx", import.meta.url));

/** `y = x`, of any type and dims. */
export function identity(type, dims) {
  return encodeModel({
    inputs: [{ name: "x", type, dims }],
    outputs: [{ name: "y", type, dims }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
  });
}

/** `y = x * [1, 2, 3]`, for any batch. */
export const scale = encodeModel({
  inputs: [{ name: "x", type: "float32", dims: ["batch", 3] }],
  outputs: [{ name: "y", type: "float32", dims: ["batch", 3] }],
  initializers: [{ name: "w", type: "float32", dims: [3], data: [1, 2, 3] }],
  nodes: [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"] }],
  opset: 17,
});

/** `y = table[index]`: fails where the index is out of range. */
export const lookup = encodeModel({
  inputs: [{ name: "index", type: "int64", dims: ["n"] }],
  outputs: [{ name: "y", type: "float32", dims: ["n"] }],
  initializers: [{ name: "table", type: "float32", dims: [3], data: [10, 20, 30] }],
  nodes: [{ op: "Gather", name: "lookup", inputs: ["table", "index"], outputs: ["y"] }],
  opset: 17,
});

/** `y = 10 / x` of integers: fails on zeros. */
export const divide = encodeModel({
  inputs: [{ name: "x", type: "int32", dims: ["n"] }],
  outputs: [{ name: "y", type: "int32", dims: ["n"] }],
  initializers: [{ name: "ten", type: "int32", dims: [], data: [10] }],
  nodes: [{ op: "Div", name: "divide", inputs: ["ten", "x"], outputs: ["y"] }],
});

/** `y = x + (1 + 2 + 3)`: three nodes, of which two are known at load. */
export const folding = encodeModel({
  inputs: [{ name: "x", type: "float32", dims: ["n"] }],
  outputs: [{ name: "y", type: "float32", dims: ["n"] }],
  initializers: [1, 2, 3].map((value) => ({ name: `c${value}`, type: "float32", dims: [], data: [value] })),
  nodes: [
    { op: "Add", inputs: ["c1", "c2"], outputs: ["three"] },
    { op: "Add", inputs: ["three", "c3"], outputs: ["six"] },
    { op: "Add", inputs: ["x", "six"], outputs: ["y"] },
  ],
});

/** Gives 160 MB for four bytes. */
export const inflate = encodeModel({
  inputs: [{ name: "x", type: "float32", dims: [1] }],
  outputs: [{ name: "y", type: "float32", dims: [null] }],
  initializers: [{ name: "repeats", type: "int64", dims: [1], data: [40_000_000n] }],
  nodes: [{ op: "Tile", inputs: ["x", "repeats"], outputs: ["y"] }],
  opset: 17,
});

/** Branches in branches: to plan it takes a deep stack. */
export const nested = (() => {
  const outputs = [{ name: "y", type: "float32", dims: ["n"] }];
  const nest = (depth) => {
    const inner = { name: `inner${depth}`, type: "float32", dims: ["n"] };
    const leaf = { op: "Relu", inputs: ["x"], outputs: [inner.name] };
    const branches = depth > 0 && {
      then_branch: graph(nest(depth - 1)),
      else_branch: graph({ outputs: [inner], nodes: [leaf] }),
    };
    const fork = { op: "If", inputs: ["c"], outputs: [inner.name], attributes: branches };
    return { outputs: [inner], nodes: [depth > 0 ? fork : leaf] };
  };
  const [fork] = nest(20).nodes;
  return encodeModel({
    inputs: [
      { name: "c", type: "bool", dims: [] },
      { name: "x", type: "float32", dims: ["n"] },
    ],
    outputs,
    nodes: [{ ...fork, outputs: ["y"] }],
    opset: 17,
  });
})();

/** Numbers from -1 to 1, the same for the same seed. */
function numbers(count, seed) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function heavy(dims, initializers, nodes) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const model = encodeModel({
    inputs: [{ name: "x", type: "float32", dims }],
    outputs: [{ name: "y", type: "float32", dims: dims.map((_, axis) => `d${axis}`) }],
    initializers: Object.entries(initializers).map(([name, own], index) => ({
      ...{ name, type: "float32", dims: own },
      data: numbers(
        own.reduce((product, dim) => product * dim, 1),
        index + 2,
      ),
    })),
    nodes,
    opset: 17,
  });
  return { model, inputs: { x: numbers(size, 1) } };
}

const node = (op, inputs, outputs, attributes = {}) => ({ op, inputs, outputs, attributes });
const pads = [1, 1, 1, 1];

/** Models that are enough work to share: convolutions of several kinds, and products with rows normalised. */
export const images = heavy(
  [2, 3, 61, 67],
  { stem: [32, 3, 3, 3], own: [32, 1, 3, 3], point: [48, 32, 1, 1], last: [40, 48, 3, 3] },
  [
    node("Conv", ["x", "stem"], ["a"], { strides: [2, 2], pads }),
    node("HardSwish", ["a"], ["b"]),
    node("Conv", ["b", "own"], ["c"], { group: 32, pads }),
    node("Conv", ["c", "point"], ["d"]),
    node("Relu", ["d"], ["e"]),
    node("Conv", ["e", "last"], ["y"], { pads }),
  ],
);
export const sentences = heavy([2, 70, 96], { wide: [96, 384], narrow: [384, 96], scale: [96] }, [
  node("MatMul", ["x", "wide"], ["a"]),
  node("Erf", ["a"], ["b"]),
  node("MatMul", ["b", "narrow"], ["c"]),
  node("LayerNormalization", ["c", "scale"], ["d"]),
  node("Softmax", ["d"], ["y"]),
]);
