import { SampleError } from "./file-intake.js";

/** @typedef {{ title: string, advice: string, detail: string }} Explanation */

const CONNECTION = "Check the connection, then try again.";

/** @type {Record<string, [title: string, advice: string]>} */
const KNOWN = {
  MODEL_FETCH_FAILED: ["The model could not be downloaded", CONNECTION],
  ENGINE_LOAD_FAILED: ["The engine could not be started", CONNECTION],
  ENGINE_CRASHED: [
    "The engine stopped",
    "This can happen when memory runs out. A fresh one starts when you try again.",
  ],
  MODEL_INTEGRITY: ["The model arrived damaged", "Nothing of it was kept. Try again."],
  MODEL_INVALID: ["The model arrived damaged", "Try again."],
  LIMIT_EXCEEDED: ["That is more than this device can take", "Try something smaller."],
  SESSION_RELEASED: ["The model was put away", "Try again: it loads anew."],
};

/**
 * Puts an error into words for a visitor; the exact message stays readable below them.
 *
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explain(error) {
  if (!(error instanceof Error))
    return { title: "Something went wrong", advice: "Try again.", detail: String(error) };
  if (error instanceof SampleError) {
    return { title: "The sample could not be fetched", advice: CONNECTION, detail: error.message };
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const [title, advice] = (code && KNOWN[code]) || ["The model could not run", "Try again."];
  return { title, advice, detail: code ? `${code}: ${error.message}` : error.message };
}
