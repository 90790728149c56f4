import { Tensor } from "edgewise";
import config from "../assets/magika_v3.config.json" with { type: "json" };
import types from "../assets/magika_v3.types.json" with { type: "json" };
import { extractFeatures, hasEnoughBytes, isUtf8, readBlocks } from "./magika-features.js";
import { measure } from "./stopwatch.js";

/**
 * @typedef {import("../messages.js").Candidate} Candidate
 * @typedef {import("../messages.js").FileType} FileType
 * @typedef {import("../messages.js").Identification} Identification
 * @typedef {import("../messages.js").RunTimings} RunTimings
 */

const TYPES = /** @type {Record<string, FileType>} */ (types);
const THRESHOLDS = /** @type {Record<string, number>} */ (config.thresholds);
const OVERWRITES = /** @type {Record<string, string>} */ (config.overwrite_map);

/**
 * Says what type a file is, by Magika's rules.
 *
 * @param {() => Promise<import("edgewise").Session>} open
 * @param {File} file
 * @returns {Promise<Identification>}
 */
export async function identify(open, file) {
  /** @type {RunTimings} */
  const timings = {};
  const blocks = await measure(timings, "preprocess", () => readBlocks(file, config));
  if (file.size === 0) return answerWithoutModel("empty", "empty", timings);
  if (!hasEnoughBytes(blocks.head, config)) {
    return answerWithoutModel("too-small", isUtf8(blocks.head) ? "txt" : "unknown", timings);
  }
  const session = await open();
  const bytes = await measure(timings, "preprocess", () => {
    const tokens = extractFeatures(blocks.head, blocks.tail, config);
    return new Tensor("int32", tokens, [1, tokens.length]);
  });
  const outputs = await measure(timings, "inference", () => session.run({ bytes }));
  return measure(timings, "postprocess", () => {
    const scores = /** @type {Float32Array} */ (outputs.target_label?.data);
    return { ...judge(rank(scores)), timings };
  });
}

/** @param {Float32Array} scores */
function rank(scores) {
  return config.target_labels_space
    .map((label, index) => ({
      label,
      description: describe(label).description,
      probability: scores[index] ?? 0,
    }))
    .sort((a, b) => b.probability - a.probability);
}

/** @param {Candidate[]} candidates */
function judge(candidates) {
  const best = candidates[0] ?? { label: "unknown", description: "", probability: 0 };
  const threshold = THRESHOLDS[best.label] ?? config.medium_confidence_threshold;
  const confident = best.probability >= threshold;
  const meant = OVERWRITES[best.label] ?? best.label;
  const label = confident ? meant : describe(meant).text ? "txt" : "unknown";
  return {
    verdict: /** @type {const} */ ("model"),
    label,
    type: describe(label),
    candidates,
    threshold,
    confident,
  };
}

/**
 * @param {"empty" | "too-small"} verdict
 * @param {string} label
 * @param {RunTimings} timings
 * @returns {Identification}
 */
function answerWithoutModel(verdict, label, timings) {
  return { verdict, label, type: describe(label), candidates: [], threshold: 0, confident: true, timings };
}

/** @param {string} label @returns {FileType} */
function describe(label) {
  return (
    TYPES[label] ?? {
      description: label,
      mime: "application/octet-stream",
      group: "unknown",
      extensions: [],
      text: false,
    }
  );
}
