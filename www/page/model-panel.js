import { create, find } from "./element.js";
import { explain } from "./failures.js";
import { formatBytes, formatDuration } from "./quantities.js";

/**
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {import("../messages.js").LoadReport} LoadReport
 * @typedef {import("../messages.js").ModelName} ModelName
 * @typedef {import("../messages.js").Progress} Progress
 * @typedef {import("../messages.js").RunTimings} RunTimings
 * @typedef {import("../messages.js").Transfer} Transfer
 * @typedef {"engine" | "download" | "prepare" | keyof RunTimings} Stage
 */

const WEIGHTS = { engine: 0.4, download: 0.5, prepare: 0.1 };

const PHASES = {
  engine: "Starting the engine",
  download: "Downloading the model",
  prepare: "Preparing the model",
};

/** What goes on under the hood of one model: its load progress, the time of every stage, the sizes. */
export class ModelPanel {
  /** @type {Record<keyof typeof WEIGHTS, number>} */
  #shares = { engine: 0, download: 0, prepare: 0 };
  /** @type {Promise<LoadReport> | undefined} */
  #loading;
  #again = () => {};

  /**
   * @param {HTMLElement} root
   * @param {Engine} engine
   * @param {ModelName} model
   */
  constructor(root, engine, model) {
    const template = find(document, "#model-panel", HTMLTemplateElement);
    root.append(template.content.cloneNode(true));
    this.root = root;
    this.engine = engine;
    this.model = model;
    this.bar = find(root, "progress", HTMLProgressElement);
    this.status = find(root, ".load-status", HTMLElement);
    this.amount = find(root, ".load-amount", HTMLElement);
    this.alert = find(root, ".failure", HTMLElement);
    this.retry = find(root, ".failure button", HTMLButtonElement);
    this.retry.addEventListener("click", () => this.#again());
    engine.watch(model, (progress) => this.#showProgress(progress));
  }

  /** Loads the model unless that has begun. Rejects where it fails, once the failure is on the page. */
  load() {
    this.#loading ??= this.#start();
    return this.#loading;
  }

  /** @param {RunTimings} timings */
  showRun(timings) {
    this.#showStage("preprocess", timings.preprocess);
    this.#showStage("inference", timings.inference);
    this.#showStage("postprocess", timings.postprocess);
  }

  /**
   * @param {unknown} error
   * @param {() => void} [again] what the button tries again; loading, where there is nothing else
   */
  showFailure(error, again) {
    const { title, advice, detail } = explain(error);
    find(this.alert, "strong", HTMLElement).textContent = title;
    find(this.alert, ".failure-advice", HTMLElement).textContent = advice;
    find(this.alert, ".failure-detail", HTMLElement).textContent = detail;
    this.alert.hidden = false;
    this.#again = again ?? (() => void this.load().catch(() => undefined));
  }

  hideFailure() {
    this.alert.hidden = true;
  }

  async #start() {
    this.root.dataset.state = "loading";
    this.hideFailure();
    this.#shares = { engine: 0, download: 0, prepare: 0 };
    this.#showProgress({ phase: "engine" });
    try {
      const report = await this.engine.load(this.model);
      this.#showReport(report);
      return report;
    } catch (error) {
      this.#loading = undefined;
      this.root.dataset.state = "failed";
      this.#say("Not loaded");
      this.showFailure(error);
      throw error;
    }
  }

  /** @param {Progress} progress */
  #showProgress({ phase, loaded, total }) {
    if (phase === "ready") return;
    if (phase in WEIGHTS) {
      const known = /** @type {keyof typeof WEIGHTS} */ (phase);
      if (loaded && total) this.#shares[known] = Math.max(this.#shares[known], Math.min(1, loaded / total));
      if (known === "prepare") Object.assign(this.#shares, { engine: 1, download: 1 });
      this.#say(PHASES[known], known === "download" ? describeAmount(loaded, total) : "");
    }
    const { engine, download, prepare } = this.#shares;
    this.bar.value = engine * WEIGHTS.engine + download * WEIGHTS.download + prepare * WEIGHTS.prepare;
  }

  /**
   * The amount stands apart from the status, so that a screen reader is not told of every kilobyte.
   *
   * @param {string} status
   * @param {string} [amount]
   */
  #say(status, amount = "") {
    if (this.status.textContent !== status) this.status.textContent = status;
    this.amount.textContent = amount;
  }

  /** @param {LoadReport} report */
  #showReport({ timings, transfers }) {
    this.root.dataset.state = "ready";
    this.bar.value = 1;
    this.#say("Model ready, on this device");
    this.#showStage("engine", timings.engine);
    this.#showStage("download", timings.download);
    this.#showStage("prepare", timings.prepare);
    for (const transfer of transfers) this.#showTransfer(transfer);
  }

  /** @param {Transfer} transfer */
  #showTransfer({ part, bytes, received, from }) {
    const cell = find(this.root, `[data-part="${part}"]`, HTMLElement);
    const origin =
      from === "network" ? `${formatBytes(received)} over the network` : `from ${describeOrigin(from)}`;
    cell.replaceChildren(create("span", "size", formatBytes(bytes)), " ", create("span", "origin", origin));
  }

  /** @param {Stage} stage @param {number} [milliseconds] */
  #showStage(stage, milliseconds) {
    const text = milliseconds === undefined ? "–" : formatDuration(milliseconds);
    find(this.root, `[data-stage="${stage}"]`, HTMLElement).textContent = text;
  }
}

/**
 * Not every browser tells that a response came from the offline copy; where that is in charge, it did.
 *
 * @param {Exclude<Transfer["from"], "network">} from
 */
function describeOrigin(from) {
  if (from === "browser cache") return "the browser’s cache";
  if (from === "offline copy" || navigator.serviceWorker?.controller) return "the offline copy";
  return "this site";
}

/**
 * @param {number} [loaded]
 * @param {number} [total]
 */
function describeAmount(loaded, total) {
  if (!loaded) return "";
  return total ? `${formatBytes(loaded)} of ${formatBytes(total)}` : formatBytes(loaded);
}
