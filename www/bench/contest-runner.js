/** @typedef {import("./worker.js").Job} Job */

/** Runs jobs, each in a worker of its own. */
export class ContestRunner {
  /** @type {Worker | undefined} */ #worker;
  #stop = () => {};

  /**
   * What a job gives; undefined where it was stopped.
   *
   * @param {Job} job
   * @returns {Promise<any>}
   */
  async run(job) {
    const worker = new Worker(new URL("bench-worker.js", document.baseURI), {
      type: "module",
      name: "bench",
    });
    this.#worker = worker;
    try {
      return await new Promise((resolve, reject) => {
        this.#stop = () => resolve(undefined);
        worker.onmessage = ({ data }) =>
          data.failure === undefined ? resolve(data.value) : reject(new Error(data.failure));
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message || "The worker that measures could not be started."));
        };
        worker.postMessage(job);
      });
    } finally {
      worker.terminate();
    }
  }

  stop() {
    this.#worker?.terminate();
    this.#stop();
  }
}
