import { handOver } from "./handover.js";
import { SavedSite } from "./saved-site.js";

/**
 * Keeps the whole demo on the device. Nothing is fetched here but the files of the build, each checked against
 * the hash the build wrote down, so that one version is never mixed with another.
 */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const site = new SavedSite(scope.registration.scope);

scope.addEventListener("install", (event) => event.waitUntil(site.save(announce)));

scope.addEventListener("activate", (event) => {
  event.waitUntil(site.deleteOthers().then(() => scope.clients.claim()));
});

scope.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(scope.skipWaiting());
  if (event.data === "stay") isStaying = true;
  if (event.data === "report") event.waitUntil(site.repair(announce).then(announceState, announceState));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== scope.location.origin) return;
  event.respondWith(request.mode === "navigate" ? navigate(request) : serve(request));
});

/** Whether the new version was waited for in vain, so that the page is better served by this one. */
let isStaying = false;

/**
 * The only open page that is being reloaded takes a waiting update with it: what it gets first is a page that lets the
 * new version in.
 *
 * @param {Request} request
 */
async function navigate(request) {
  if (scope.registration.waiting && !isStaying && (await isOnlyPage())) return handOver();
  const saved = await site.findPage(request.url);
  if (saved) return saved;
  // Pages that the site does not have lead to the one it has, so that its relative addresses stay right.
  return fetch(request).catch(() => Response.redirect(scope.registration.scope));
}

/** A page that has just been left counts for a moment still, so that a second one is only believed after a while. */
async function isOnlyPage() {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (attempt > 0) await delay(100);
    const pages = await scope.clients.matchAll({ type: "window" });
    if (pages.length < 2) return true;
  }
  return false;
}

/** @param {number} milliseconds */
function delay(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** @param {Request} request */
async function serve(request) {
  return (await site.find(request.url)) ?? fetch(request);
}

/** @param {number} savedBytes */
async function announce(savedBytes) {
  await tellPages({ kind: "saving", savedBytes, totalBytes: site.totalBytes });
}

async function announceState() {
  const complete = await site.isComplete();
  await tellPages({
    kind: complete ? "saved" : "incomplete",
    version: site.version,
    totalBytes: site.totalBytes,
  });
}

/** @param {object} message */
async function tellPages(message) {
  for (const page of await scope.clients.matchAll({ type: "window", includeUncontrolled: true }))
    page.postMessage(message);
}
