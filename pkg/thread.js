/** A thread of the engine in a browser's worker. */

import { serveEngine } from "./serve.js";

const scope = /** @type {any} */ (globalThis);
scope.onmessage = (/** @type {{ data: any }} */ { data }) =>
  serveEngine(data, (message) => scope.postMessage(message));
