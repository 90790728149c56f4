/**
 * @typedef {object} CameraListener
 * @property {(frame: ImageBitmap) => Promise<void>} onFrame the next frame waits for this one: the latest wins
 * @property {(reason: "hidden" | "ended" | "asked") => void} onStop
 */

/** The visitor's camera, one frame at a time, and only while the page is looked at. */
export class Camera {
  /** @type {MediaStream | undefined} */
  #stream;

  /**
   * @param {HTMLVideoElement} video plays the stream unseen; frames are taken from it
   * @param {CameraListener} listener
   */
  constructor(video, listener) {
    this.video = video;
    this.listener = listener;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop("hidden");
    });
  }

  get running() {
    return this.#stream !== undefined;
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no mediaDevices", "NotSupportedError");
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "user", width: { ideal: 960 }, height: { ideal: 720 } },
      audio: false,
    });
    this.#stream = stream;
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.stop("ended"));
    this.video.srcObject = stream;
    await this.video.play();
    if (document.hidden) return this.stop("hidden");
    void this.#pump(stream);
  }

  /** @param {"hidden" | "ended" | "asked"} [reason] */
  stop(reason = "asked") {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = undefined;
    this.video.srcObject = null;
    this.listener.onStop(reason);
  }

  /** @param {MediaStream} stream */
  async #pump(stream) {
    while (this.#stream === stream) {
      await this.#nextFrame();
      if (this.#stream !== stream || this.video.videoWidth === 0) continue;
      await this.listener.onFrame(await createImageBitmap(this.video));
    }
  }

  #nextFrame() {
    return new Promise((resolve) => {
      if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
      // A stopped stream brings no further frame.
      setTimeout(resolve, 500);
    });
  }
}
