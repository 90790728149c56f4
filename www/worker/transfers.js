import { ENGINE_BYTES, ENGINE_URLS, MODELS } from "../models.js";

/**
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Transfer} Transfer
 */

/**
 * What the browser says about the files behind a model.
 *
 * @param {ModelName} model
 * @param {number} modelBytes
 * @returns {Transfer[]}
 */
export function listTransfers(model, modelBytes) {
  const engine = ENGINE_URLS.find((url) => findEntry(url)) ?? "";
  const engineBytes = ENGINE_BYTES[engine] ?? 0;
  return [describe("engine", engine, engineBytes), describe("model", MODELS[model].url, modelBytes)];
}

/**
 * @param {Transfer["part"]} part
 * @param {string} url
 * @param {number} bytes the size of the file, which browsers tell of some responses only
 * @returns {Transfer}
 */
function describe(part, url, bytes) {
  const entry = findEntry(url);
  if (!(entry instanceof PerformanceResourceTiming)) return { part, bytes, received: 0, from: "unknown" };
  if (entry.workerStart > 0) return { part, bytes, received: 0, from: "offline copy" };
  if (entry.transferSize > 0) return { part, bytes, received: entry.transferSize, from: "network" };
  return { part, bytes, received: 0, from: entry.decodedBodySize > 0 ? "browser cache" : "unknown" };
}

/** @param {string} url */
function findEntry(url) {
  const { href } = new URL(url, self.location.href);
  return performance.getEntriesByName(href, "resource").at(-1);
}

/** What was fetched since this was last asked. */
export function listRequests() {
  const addresses = performance.getEntriesByType("resource").map(({ name }) => name);
  const fresh = addresses.slice(told);
  told = addresses.length;
  return fresh;
}

let told = 0;
