/** A thread of the engine in Node. */

import { parentPort, workerData } from "node:worker_threads";
import { serveEngine } from "./serve.js";

await serveEngine(workerData, (message) => parentPort?.postMessage(message));
