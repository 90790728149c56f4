import { identify } from "./magika.js";
import { segment } from "./selfie.js";
import { dropSession, openSession } from "./sessions.js";
import { listRequests, listTransfers } from "./transfers.js";

/**
 * @typedef {import("../messages.js").Failure} Failure
 * @typedef {import("../messages.js").LoadReport} LoadReport
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Request} Request
 */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

scope.onmessage = async ({ data }) => {
  const request = /** @type {Request} */ (data);
  try {
    const value = await perform(request);
    const transfer = "mask" in value ? [value.mask.buffer] : [];
    scope.postMessage({ kind: "done", id: request.id, value }, transfer);
  } catch (error) {
    scope.postMessage({ kind: "failed", id: request.id, failure: describe(error) });
  }
};

/** @param {Request} request */
async function perform(request) {
  switch (request.task) {
    case "load":
      return reportLoad(request.model);
    case "identify":
      return withSession("magika", (open) => identify(open, request.file));
    case "segment":
      return withSession("selfie", (open) => segment(open, request.picture));
  }
}

/**
 * @param {ModelName} model
 * @returns {Promise<LoadReport>}
 */
async function reportLoad(model) {
  const { session, timings } = await openSession(model, reportProgress);
  return { timings, transfers: listTransfers(model, session.metadata.bytes), requests: listRequests() };
}

/**
 * @template T
 * @param {ModelName} model
 * @param {(open: () => Promise<import("edgewise").Session>) => Promise<T>} run
 */
async function withSession(model, run) {
  try {
    return await run(async () => (await openSession(model, reportProgress)).session);
  } catch (error) {
    if (describe(error).code) await dropSession(model);
    throw error;
  }
}

/** @type {import("./sessions.js").ProgressListener} */
function reportProgress(model, progress) {
  scope.postMessage({ kind: "progress", model, progress });
}

/** @param {unknown} error @returns {Failure} */
function describe(error) {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { name: error.name, message: error.message, ...(code && { code }) };
}
