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

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.text = find(root, ".offline-text", HTMLElement);
    this.button = find(root, "button", HTMLButtonElement);
    addEventListener("online", () => this.#show());
    addEventListener("offline", () => this.#show());
  }

  async start() {
    const container = navigator.serviceWorker;
    if (!container) return this.#enter("unavailable");
    container.addEventListener("message", ({ data }) => this.#receive(data));
    try {
      const registration = await container.register("sw.js", { updateViaCache: "none" });
      registration.addEventListener("updatefound", () => this.#follow(registration));
      this.#follow(registration);
      registration.active?.postMessage("report");
    } catch {
      this.#retry("The copy for offline use could not be saved");
    }
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
    this.#enter("update");
    this.button.textContent = "Update now";
    this.button.onclick = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("take over");
    };
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
      const share = Math.floor((100 * savedBytes) / totalBytes);
      this.text.textContent = `Saving for offline: ${share} %`;
    }
  }

  /** @param {OfflineState} state */
  #enter(state) {
    this.#state = state;
    this.#show();
  }

  #show() {
    const texts = {
      starting: "Not saved for offline yet",
      saving: "Saving for offline…",
      saved: `${navigator.onLine ? "Ready offline" : "Offline, still running"} · ${formatBytes(this.#size)}`,
      update: "A new version is ready",
      failed: this.text.textContent ?? "",
      unavailable: "No offline use here",
    };
    this.root.dataset.state = this.#state;
    this.root.dataset.network = navigator.onLine ? "on" : "off";
    this.text.textContent = texts[this.#state];
    this.text.title = this.#state === "saved" ? "The whole page is kept on this device" : "";
    this.button.hidden = this.#state !== "update" && this.#state !== "failed";
  }
}
