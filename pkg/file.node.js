import { InferenceError, messageOf } from "./error.js";

/**
 * Opens what names a file: a file: URL, or a string without a scheme. A single letter and a colon is a Windows drive.
 * @param {string} url
 * @returns {Promise<import("./source.js").Body> | undefined}
 */
export function openFile(url) {
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(url);
  return !isUrl || url.startsWith("file:") ? open(url) : undefined;
}

/** @param {string} url */
async function open(url) {
  const { open: openHandle } = await import("node:fs/promises");
  try {
    const file = await openHandle(url.startsWith("file:") ? new URL(url) : url);
    const { size } = await file.stat();
    // The stream closes the file at its end and when it is destroyed.
    const chunks = file.createReadStream({ highWaterMark: 1 << 20 });
    return { url, total: size, chunks, cancel: () => chunks.destroy(), settle: async () => {} };
  } catch (cause) {
    throw new InferenceError(
      "MODEL_FETCH_FAILED",
      `the model cannot be read from ${url}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
