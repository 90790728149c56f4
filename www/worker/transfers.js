import { ENGINE_URL, MODELS } from "../models.js";

/**
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Transfer} Transfer
 */

/**
 * What the browser says about the files behind a model.
 *
 * @param {ModelName} model
 * @returns {Transfer[]}
 */
export function listTransfers(model) {
  return [describe("engine", ENGINE_URL), describe("model", MODELS[model].url)];
}

/** @param {Transfer["part"]} part @param {string} url @returns {Transfer} */
function describe(part, url) {
  const { href } = new URL(url, self.location.href);
  const entry = performance.getEntriesByName(href, "resource").at(-1);
  if (!(entry instanceof PerformanceResourceTiming)) return { part, bytes: 0, received: 0, from: "unknown" };
  const bytes = entry.decodedBodySize || entry.encodedBodySize;
  if (entry.workerStart > 0) return { part, bytes, received: 0, from: "offline copy" };
  if (entry.transferSize === 0)
    return { part, bytes, received: 0, from: bytes ? "browser cache" : "unknown" };
  return { part, bytes, received: entry.transferSize, from: "network" };
}

/** What was fetched since this was last asked. */
export function listRequests() {
  const addresses = performance.getEntriesByType("resource").map(({ name }) => name);
  const fresh = addresses.slice(told);
  told = addresses.length;
  return fresh;
}

let told = 0;
