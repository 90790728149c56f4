import { find } from "./element.js";
import { formatBytes } from "./quantities.js";

/**
 * @typedef {"starting" | "saving" | "saved" | "update" | "failed" | "unavailable"} OfflineState
 */

/** Keeps a copy of the site on the device, and says in the header how far that is. */
export class OfflineCopy {
  /** @type {OfflineState} */
  #state = "starting";
  #size = 0;
  #isListening = false;

  /** Whether this page came from the copy, as it does from the second visit on. */
  static get isThere() {
    return Boolean(navigator.serviceWorker?.controller);
  }

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.text = find(root, ".offline-state", HTMLElement);
    this.share = find(root, ".offline-share", HTMLElement);
    this.button = find(root, "button", HTMLButtonElement);
    this.#show();
    addEventListener("online", () => this.#show());
    addEventListener("offline", () => this.#show());
  }

  async start() {
    const container = navigator.serviceWorker;
    if (!container) return this.#enter("unavailable");
    if (!this.#isListening) this.#listen(container);
    try {
      const registration = await container.register("sw.js", { updateViaCache: "none" });
      registration.addEventListener("updatefound", () => this.#follow(registration));
      this.#follow(registration);
      registration.active?.postMessage("report");
    } catch {
      this.#retry("The copy for offline use could not be saved");
    }
  }

  /** @param {ServiceWorkerContainer} container */
  #listen(container) {
    this.#isListening = true;
    container.addEventListener("message", ({ data }) => this.#receive(data));
    let hadController = container.controller !== null;
    container.addEventListener("controllerchange", () => {
      // Another tab let the new version in; this page is still of the old one.
      if (hadController) this.#offer("Reload", () => location.reload());
      hadController = true;
    });
  }

  /** @param {ServiceWorkerRegistration} registration */
  #follow(registration) {
    if (registration.waiting && registration.active) return this.#offerUpdate(registration.waiting);
    const arriving = registration.installing;
    if (!arriving) return;
    if (!registration.active) this.#enter("saving");
    arriving.addEventListener("statechange", () => {
      if (arriving.state === "installed" && registration.active) this.#offerUpdate(arriving);
      if (arriving.state === "activated") arriving.postMessage("report");
      if (arriving.state === "redundant" && !registration.active)
        this.#retry("The copy for offline use could not be saved");
    });
  }

  /** @param {ServiceWorker} waiting */
  #offerUpdate(waiting) {
    this.#offer("Update now", () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("take over");
    });
  }

  /**
   * @param {string} label
   * @param {() => void} accept
   */
  #offer(label, accept) {
    this.#enter("update");
    this.button.textContent = label;
    this.button.onclick = accept;
  }

  /** @param {string} text */
  #retry(text) {
    this.#enter("failed");
    this.text.textContent = text;
    this.button.textContent = "Try again";
    this.button.onclick = () => void this.start();
  }

  /** @param {{ kind: string, savedBytes: number, totalBytes: number }} message */
  #receive({ kind, savedBytes, totalBytes }) {
    if (this.#state === "update") return;
    this.#size = totalBytes;
    if (kind === "saved") this.#enter("saved");
    if (kind === "incomplete") this.#retry("The offline copy is incomplete");
    if (kind === "saving" && this.#state !== "saved") {
      this.#enter("saving");
      this.share.textContent = `${Math.floor((100 * savedBytes) / totalBytes)} %`;
    }
  }

  /** @param {OfflineState} state */
  #enter(state) {
    this.#state = state;
    this.#show();
  }

  #show() {
    const texts = {
      starting: OfflineCopy.isThere ? "Checking the offline copy…" : "Not saved for offline yet",
      saving: "Saving for offline…",
      saved: `${navigator.onLine ? "Ready offline" : "Offline, still running"} · ${formatBytes(this.#size)}`,
      update: "A new version is ready",
      failed: this.text.textContent ?? "",
      unavailable: "Offline use needs https",
    };
    this.root.dataset.state = this.#state;
    this.root.dataset.network = navigator.onLine ? "on" : "off";
    // Set only when it changes: every change is read out.
    if (this.text.textContent !== texts[this.#state]) this.text.textContent = texts[this.#state];
    this.share.textContent = "";
    this.text.title = this.#state === "saved" ? "The whole page is kept on this device" : "";
    this.button.hidden = this.#state !== "update" && this.#state !== "failed";
  }
}
