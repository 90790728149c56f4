import { init, load } from "edgewise";
import { ENGINE_URLS, MODELS } from "../models.js";

/**
 * @typedef {import("../messages.js").LoadTimings} LoadTimings
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Progress} Progress
 * @typedef {import("edgewise").Session} Session
 * @typedef {{ session: Session, timings: LoadTimings }} OpenedSession
 * @typedef {(model: ModelName, progress: Progress) => void} ProgressListener
 */

/** @type {Map<ModelName, Promise<OpenedSession>>} */
const opened = new Map();

/**
 * Gives the session of a model, loaded on first use. A failed load is forgotten, so the next call tries again.
 *
 * @param {ModelName} model
 * @param {ProgressListener} listen
 */
export function openSession(model, listen) {
  const known = opened.get(model);
  if (known) return known;
  const opening = prepareSession(model, listen).catch((error) => {
    opened.delete(model);
    throw error;
  });
  opened.set(model, opening);
  return opening;
}

/**
 * Lets go of a session that failed while it ran; after a crash it could not be used again.
 *
 * @param {ModelName} model
 */
export async function dropSession(model) {
  const opening = opened.get(model);
  opened.delete(model);
  await opening?.then(({ session }) => session.release()).catch(() => undefined);
}

/**
 * @param {ModelName} model
 * @param {ProgressListener} listen
 */
async function prepareSession(model, listen) {
  let downloaded = performance.now();
  const session = await loadModel(model, (progress) => {
    if (progress.phase !== "prepare" && progress.phase !== "ready") downloaded = performance.now();
    if (progress.phase !== "ready") listen(model, progress);
  });
  await session.warmup(MODELS[model].dims);
  listen(model, { phase: "ready" });
  const { engine = 0, download = 0 } = session.stats().milliseconds;
  return { session, timings: { engine, download, prepare: performance.now() - downloaded } };
}

/**
 * A worker that started before the service worker took over is not under its control in every browser:
 * where the network fails it, the saved copies are looked up here.
 *
 * @param {ModelName} model
 * @param {(progress: Progress) => void} onProgress
 */
async function loadModel(model, onProgress) {
  const { url } = MODELS[model];
  try {
    return await load(new URL(url, self.location.href), { onProgress });
  } catch (error) {
    const [saved, ...engines] = await Promise.all([url, ...ENGINE_URLS].map(findSaved));
    const wasm = engines.find(Boolean);
    if (!wasm || !saved) throw error;
    await init({ wasm });
    return load(saved, { onProgress });
  }
}

/** @param {string} url */
async function findSaved(url) {
  if (!("caches" in self)) return undefined;
  return self.caches.match(new URL(url, self.location.href), { ignoreSearch: true }).catch(() => undefined);
}
