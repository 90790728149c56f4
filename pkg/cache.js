import { checkAborted } from "./error.js";

const DEFAULT_NAME = "edgewise-models";

/**
 * Fetches through the browser's Cache API where the caller asks for it and there is one.
 * @param {RequestInfo | URL} request
 * @param {import("./load.js").Signal | undefined} signal
 * @param {boolean | string | undefined} cacheName
 * @returns {Promise<{ response: Response, settle: (isGood: boolean) => Promise<void> }>} settle removes what turned
 *   out not to be good
 */
export async function openCached(request, signal, cacheName) {
  const init = signal ? { signal: /** @type {AbortSignal} */ (signal) } : {};
  if (!cacheName || typeof caches === "undefined")
    return { response: await fetch(request, init), settle: async () => {} };
  const cache = await caches.open(cacheName === true ? DEFAULT_NAME : cacheName);
  const remove = async () => {
    await cache.delete(request);
  };
  const known = await cache.match(request);
  checkAborted(signal);
  if (known) return { response: known, settle: async (isGood) => (isGood ? undefined : remove()) };
  const response = await fetch(request, init);
  if (!response.ok) return { response, settle: async () => {} };
  // The cache takes the bytes as they pass; a failure to store them, of a full disk say, must not fail the load.
  const stored = cache.put(request, response.clone()).catch(() => {});
  return {
    response,
    settle: async (isGood) => {
      await stored;
      if (!isGood) await remove();
    },
  };
}
