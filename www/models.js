/**
 * The two models of the demo, as both the page and its worker know them.
 *
 * @typedef {import("./messages.js").ModelName} ModelName
 * @typedef {object} ModelCard
 * @property {string} url relative to the page
 * @property {Record<string, number[]>} dims what one run takes, so that the plan is ready before the first file
 */

/** @type {Record<ModelName, ModelCard>} */
export const MODELS = {
  magika: { url: "assets/models/magika_v3.onnx", dims: { bytes: [1, 2048] } },
  selfie: { url: "assets/models/mp_selfie_segmentation.onnx", dims: { input_1: [1, 256, 256, 3] } },
};

/** The bytes of the package's binaries, by where the build leaves them relative to the page. A browser loads one. */
export const ENGINE_BYTES = __ENGINE_BYTES__;
export const ENGINE_URLS = Object.keys(ENGINE_BYTES);
