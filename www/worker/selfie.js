import { Tensor } from "edgewise";
import { measure } from "./stopwatch.js";

/**
 * @typedef {import("../messages.js").RunTimings} RunTimings
 * @typedef {import("../messages.js").Segmentation} Segmentation
 */

const SIDE = 256;

/** @type {OffscreenCanvasRenderingContext2D | undefined} */
let scratch;

/**
 * Finds the person in a picture. The picture is closed here: it was handed over.
 *
 * @param {() => Promise<import("edgewise").Session>} open
 * @param {ImageBitmap} picture
 * @returns {Promise<Segmentation>}
 */
export async function segment(open, picture) {
  /** @type {RunTimings} */
  const timings = {};
  const input_1 = await measure(timings, "preprocess", () => toTensor(readPixels(picture)));
  const session = await open();
  const outputs = await measure(timings, "inference", () => session.run({ input_1 }));
  return measure(timings, "postprocess", () => {
    const scores = /** @type {Float32Array} */ (outputs.activation_10?.data);
    return { ...toMask(scores), timings };
  });
}

/** @param {ImageBitmap} picture */
function readPixels(picture) {
  scratch ??= new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true }) ?? undefined;
  if (!scratch) throw new Error("This browser gives the worker no 2D canvas to read the picture with.");
  scratch.imageSmoothingQuality = "high";
  // A picture with transparent parts is seen by the model as it is seen by the visitor: on white.
  scratch.fillStyle = "#fff";
  scratch.fillRect(0, 0, SIDE, SIDE);
  scratch.drawImage(picture, 0, 0, SIDE, SIDE);
  picture.close();
  return scratch.getImageData(0, 0, SIDE, SIDE).data;
}

/** RGBA bytes to RGB in [0, 1], NHWC. @param {Uint8ClampedArray} pixels */
function toTensor(pixels) {
  const values = new Float32Array(SIDE * SIDE * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    values[to] = (pixels[from] ?? 0) / 255;
    values[to + 1] = (pixels[from + 1] ?? 0) / 255;
    values[to + 2] = (pixels[from + 2] ?? 0) / 255;
  }
  return new Tensor("float32", values, [1, SIDE, SIDE, 3]);
}

/** @param {Float32Array} scores */
function toMask(scores) {
  const mask = new Uint8ClampedArray(SIDE * SIDE);
  let person = 0;
  for (let index = 0; index < mask.length; index += 1) {
    const score = scores[index] ?? 0;
    mask[index] = score * 255;
    if (score > 0.5) person += 1;
  }
  return { mask, coverage: person / mask.length };
}
