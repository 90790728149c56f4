import { microModels, networks } from "../../bench/generated/catalogue.js";
import { MODELS } from "../models.js";

/**
 * A model that can be measured here.
 *
 * @typedef {object} Choice
 * @property {string} name
 * @property {string} family
 * @property {string} [url] of a file of the site; else the model is generated
 * @property {Record<string, import("../../bench/generated/catalogue.js").InputShape>} inputs
 * @property {boolean} [isCoarse]
 * @property {number} [multiplyAdds]
 * @property {() => Uint8Array} [write]
 */

/** @type {Choice[]} */
const demoModels = [
  {
    name: "magika",
    family: "demo",
    url: MODELS.magika.url,
    inputs: { bytes: { type: "int32", dims: MODELS.magika.dims.bytes ?? [], low: 0, high: 256 } },
  },
  {
    name: "selfie_segmentation",
    family: "demo",
    url: MODELS.selfie.url,
    inputs: { input_1: { type: "float32", dims: MODELS.selfie.dims.input_1 ?? [], low: 0, high: 1 } },
  },
];

/** @type {readonly Choice[]} */
export const choices = [...demoModels, ...networks, ...microModels];

/** What the groups of the page are called. @type {Record<string, string>} */
export const familyNames = {
  demo: "Models of the demo",
  network: "Generated networks",
  gemm: "Matrix products",
  convolution: "Convolutions",
  recurrent: "Recurrent",
  attention: "Attention",
  norm: "Norms and softmax",
  int8: "8-bit",
  movement: "Elementwise, resize, transposes",
  trees: "Trees",
};
