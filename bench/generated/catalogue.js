/** Every generated model: what the page and the command line choose from. */

import { movements } from "./movement.js";
import { encoder, mobilenet } from "./networks.js";
import { products } from "./products.js";
import { quantised } from "./quantised.js";
import { sequences } from "./sequences.js";

/**
 * @typedef {{ type: import("../random.js").GeneratedType, dims: number[], low?: number, high?: number }} InputShape
 * @typedef {object} GeneratedModel
 * @property {string} name
 * @property {string} family
 * @property {number} [multiplyAdds] of one run, where they are most of the work
 * @property {boolean} [isCoarse] whether a sum may be rounded either way
 * @property {Record<string, InputShape>} inputs
 * @property {() => Uint8Array} write
 */

/** @type {readonly GeneratedModel[]} */
export const microModels = [...products, ...sequences, ...quantised, ...movements];

/** @type {readonly GeneratedModel[]} */
export const networks = [mobilenet, encoder];

/**
 * How models grow: along an axis, to sizes that are an input's dims.
 *
 * @type {readonly { model: GeneratedModel, axis: string, sizes: number[], dimsOf: (size: number) => Record<string, number[]> }[]}
 */
export const scalings = [
  {
    model: mobilenet,
    axis: "batch",
    sizes: [1, 2, 4, 8, 16, 32, 64],
    dimsOf: (size) => ({ image: [size, 3, 128, 128] }),
  },
  {
    model: mobilenet,
    axis: "image",
    sizes: [64, 128, 256, 512, 1024],
    dimsOf: (size) => ({ image: [1, 3, size, size] }),
  },
  {
    model: encoder,
    axis: "batch",
    sizes: [1, 2, 4, 8, 16, 32, 64],
    dimsOf: (size) => ({ tokens: [size, 32] }),
  },
  {
    model: encoder,
    axis: "sequence",
    sizes: [16, 32, 64, 128, 256, 512],
    dimsOf: (size) => ({ tokens: [1, size] }),
  },
  {
    model: findModel("lstm_128"),
    axis: "sequence",
    sizes: [16, 32, 64, 128, 256, 512],
    dimsOf: (size) => ({ x: [size, 1, 128] }),
  },
];

/** @param {string} name */
function findModel(name) {
  const found = microModels.find((model) => model.name === name);
  if (!found) throw new Error(`there is no generated model ${name}`);
  return found;
}
