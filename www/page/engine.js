/**
 * @typedef {import("../messages.js").Failure} Failure
 * @typedef {import("../messages.js").Identification} Identification
 * @typedef {import("../messages.js").LoadReport} LoadReport
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Progress} Progress
 * @typedef {import("../messages.js").Reply} Reply
 * @typedef {import("../messages.js").Segmentation} Segmentation
 */

/** An error that came from the worker, with Edgewise's code where it has one. */
export class EngineError extends Error {
  /** @param {Failure} failure */
  constructor({ name, code, message }) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

/** The page's end of the worker that runs the models. The worker starts with the first request. */
export class Engine {
  /** @type {Worker | undefined} */
  #worker;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #pending = new Map();
  /** @type {Map<ModelName, (progress: Progress) => void>} */
  #watchers = new Map();
  #count = 0;

  /**
   * @param {ModelName} model
   * @param {(progress: Progress) => void} watcher
   */
  watch(model, watcher) {
    this.#watchers.set(model, watcher);
  }

  /** @param {ModelName} model @returns {Promise<LoadReport>} */
  load(model) {
    return this.#ask({ task: "load", model });
  }

  /** @param {File} file @returns {Promise<Identification>} */
  identify(file) {
    return this.#ask({ task: "identify", file });
  }

  /** @param {ImageBitmap} picture handed over: it cannot be used afterwards @returns {Promise<Segmentation>} */
  segment(picture) {
    return this.#ask({ task: "segment", picture }, [picture]);
  }

  /**
   * @param {object} request
   * @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  #ask(request, transfer = []) {
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, ...request }, transfer);
    });
  }

  #start() {
    const worker = new Worker(new URL("worker.js", document.baseURI), { type: "module", name: "edgewise" });
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#abandon(event.message || "The worker that runs the models could not be started.");
    };
    return worker;
  }

  /** @param {Reply} message */
  #receive(message) {
    if (message.kind === "progress") {
      this.#watchers.get(message.model)?.(message.progress);
      return;
    }
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "done") waiting?.resolve(message.value);
    else waiting?.reject(new EngineError(message.failure));
  }

  /** A worker that died takes its requests with it; the next request starts a new one. @param {string} message */
  #abandon(message) {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#pending.values())
      reject(new EngineError({ name: "WorkerError", message }));
    this.#pending.clear();
  }
}
