import { Camera } from "./camera.js";
import { describeCameraFailure } from "./camera-failures.js";
import { Compositor } from "./compositor.js";
import { find } from "./element.js";
import { fetchSample, receivePicked } from "./file-intake.js";
import { LookControls } from "./look-controls.js";
import { ModelPanel } from "./model-panel.js";
import { decodePhoto, PhotoError } from "./photo.js";
import { formatShare } from "./quantities.js";

/** What the stage is called when nothing is under way, by what is on it. */
const STATES = { result: "done", picture: "failed", nothing: "idle" };

/** The section that cuts a person out of a photo or of the camera's picture. */
export class CutOutSection {
  /** Which picture is the newest: masks of older ones are dropped. */
  #turn = 0;
  #name = "photo";
  #rateSaid = 0;

  /**
   * @param {HTMLElement} root
   * @param {import("./engine.js").Engine} engine
   */
  constructor(root, engine) {
    this.root = root;
    this.engine = engine;
    this.caption = find(root, ".stage-caption", HTMLElement);
    this.stage = find(root, ".stage", HTMLElement);
    this.cameraButton = find(root, ".use-camera", HTMLButtonElement);
    this.downloadButton = find(root, ".download", HTMLButtonElement);
    this.panel = new ModelPanel(find(root, ".under-the-hood", HTMLElement), engine, "selfie");
    this.compositor = new Compositor(find(root, "canvas", HTMLCanvasElement));
    this.controls = new LookControls(root, (look) => this.compositor.setLook(look));
    this.camera = new Camera(find(root, "video", HTMLVideoElement), {
      onFrame: (frame) => this.#showFrame(frame),
      onStop: (reason) => this.#cameraStopped(reason),
    });
    receivePicked(find(root, "input[type=file]", HTMLInputElement), (file) => void this.showPhoto(file));
    for (const button of root.querySelectorAll("[data-sample]")) {
      button.addEventListener("click", () => void this.#trySample(button.getAttribute("data-sample") ?? ""));
    }
    this.cameraButton.addEventListener("click", () =>
      this.camera.running ? this.camera.stop() : void this.#useCamera(),
    );
    this.downloadButton.addEventListener("click", () => void this.#download());
  }

  load() {
    return this.panel.load();
  }

  /** @param {File[]} files */
  receive(files) {
    const [file] = files;
    if (file) void this.showPhoto(file);
  }

  leave() {
    this.camera.stop();
  }

  /** @param {File} file */
  async showPhoto(file) {
    const turn = this.#begin();
    this.#say("Looking at it…");
    try {
      const picture = await decodePhoto(file);
      if (turn !== this.#turn) return;
      this.#name = file.name.replace(/\.[^.]*$/, "") || "photo";
      this.compositor.setPicture(picture, { mirrored: false });
      this.stage.dataset.state = "working";
      await this.panel.load();
      await this.#segment(picture, turn);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error, () => void this.showPhoto(file));
    }
  }

  async #useCamera() {
    const turn = this.#begin();
    this.#say("Waiting for the camera…");
    this.cameraButton.disabled = true;
    try {
      await this.panel.load();
      await this.camera.start();
      // Meanwhile the visitor may have turned to a photo, or away.
      if (turn !== this.#turn || this.root.hidden) this.camera.stop();
      if (!this.camera.running) return;
      this.#name = "camera";
      this.root.classList.add("live");
      this.cameraButton.querySelector("span")?.replaceChildren("Stop the camera");
    } catch (error) {
      this.#fail(error, () => void this.#useCamera());
    } finally {
      this.cameraButton.disabled = false;
    }
  }

  /** @param {ImageBitmap} frame */
  async #showFrame(frame) {
    const turn = this.#turn;
    try {
      await this.#segment(frame, turn, true);
    } catch (error) {
      this.camera.stop();
      this.#fail(error, () => void this.#useCamera());
    }
  }

  /** @param {ImageBitmap} picture @param {number} turn */
  async #segment(picture, turn, live = false) {
    const started = performance.now();
    const small = await createImageBitmap(picture, {
      resizeWidth: 256,
      resizeHeight: 256,
      resizeQuality: "high",
    });
    const resized = performance.now() - started;
    const { mask, coverage, timings } = await this.engine.segment(small);
    if (live && !this.camera.running) return picture.close();
    if (turn !== this.#turn) return;
    const drawing = performance.now();
    if (live) this.compositor.setPicture(picture, { mirrored: true, silent: true });
    this.compositor.setMask(mask);
    const drawn = performance.now() - drawing;
    this.panel.showRun({
      ...timings,
      preprocess: (timings.preprocess ?? 0) + resized,
      postprocess: (timings.postprocess ?? 0) + drawn,
    });
    this.stage.dataset.state = "done";
    this.downloadButton.disabled = false;
    if (live) this.#sayRate(performance.now() - started);
    else this.#say(describeCoverage(coverage));
  }

  /** @param {"hidden" | "ended" | "asked"} reason */
  #cameraStopped(reason) {
    this.root.classList.remove("live");
    this.cameraButton.querySelector("span")?.replaceChildren("Use the camera");
    if (reason === "hidden") this.#say("The camera was stopped because this tab was hidden.");
    if (reason === "ended") this.#say("The camera went away. Start it again when it is back.");
    if (reason === "asked") this.#say("The camera is off.");
  }

  /** Everything that was under way is out of date from here on. */
  #begin() {
    this.#turn += 1;
    this.camera.stop();
    this.panel.hideFailure();
    return this.#turn;
  }

  /** @param {string} url */
  async #trySample(url) {
    const turn = this.#begin();
    try {
      const file = await fetchSample(url);
      if (turn === this.#turn) await this.showPhoto(file);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error, () => void this.#trySample(url));
    }
  }

  /** @param {unknown} error @param {() => void} again */
  #fail(error, again) {
    const reason = error instanceof PhotoError ? error.message : describeCameraFailure(error);
    this.#say(reason ?? "That did not work, see below.");
    if (!reason) this.panel.showFailure(error, again);
    this.stage.dataset.state = STATES[this.compositor.shows];
  }

  async #download() {
    const blob = await this.compositor.toBlob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.#name}-edgewise.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** @param {string} text */
  #say(text) {
    this.caption.textContent = text;
  }

  /** Once a second is enough to read. @param {number} milliseconds */
  #sayRate(milliseconds) {
    const now = performance.now();
    if (now - this.#rateSaid < 1000) return;
    this.#rateSaid = now;
    this.#say(describeRate(milliseconds));
  }
}

/** @param {number} coverage */
function describeCoverage(coverage) {
  if (coverage < 0.005) return "The model found no person in this picture.";
  return `The model takes ${formatShare(coverage)} of the picture for a person.`;
}

/** @param {number} milliseconds */
function describeRate(milliseconds) {
  return `Live, about ${Math.max(1, Math.round(1000 / milliseconds))} pictures a second. Nothing is recorded.`;
}
