import { blurPicture } from "./blur.js";

/** @typedef {import("./look-controls.js").Look} Look */

const SIDE = 256;

/** What is more likely than this is kept: a little above a half, as doubtful places look worse when they stay. */
const MIDDLE = 0.58;

/** Draws a picture with its background replaced, from the picture, the mask and the chosen look. */
export class Compositor {
  /** @type {ImageBitmap | undefined} */
  #picture;
  /** @type {Uint8ClampedArray | undefined} */
  #mask;
  #mirrored = false;
  /** @type {Look} */
  #look = { background: "blur", blur: 4, edge: 0.5, colour: "#ffffff" };
  #maskLayer = layer(SIDE, SIDE);
  #personLayer = layer(1, 1);

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = contextOf(canvas);
  }

  /** What is on the canvas so far. */
  get shows() {
    if (this.#mask) return "result";
    return this.#picture ? "picture" : "nothing";
  }

  /** @param {Look} look */
  setLook(look) {
    this.#look = look;
    this.#draw();
  }

  /**
   * @param {ImageBitmap} picture kept until the next one comes
   * @param {{ mirrored: boolean, silent?: boolean }} options silent: wait for the mask before it is shown
   */
  setPicture(picture, { mirrored, silent }) {
    this.#picture?.close();
    this.#picture = picture;
    this.#mask = undefined;
    this.#mirrored = mirrored;
    if (!silent) this.#draw();
  }

  /** @param {Uint8ClampedArray} mask */
  setMask(mask) {
    this.#mask = mask;
    this.#draw();
  }

  /** @returns {Promise<Blob>} */
  toBlob() {
    return new Promise((resolve, reject) => {
      this.canvas.toBlob((blob) =>
        blob ? resolve(blob) : reject(new Error("The picture could not be saved.")),
      );
    });
  }

  #draw() {
    const picture = this.#picture;
    if (!picture) return;
    const { canvas, context } = this;
    resize(canvas, picture.width, picture.height);
    context.setTransform(this.#mirrored ? -1 : 1, 0, 0, 1, this.#mirrored ? canvas.width : 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.#mask || this.#look.background === "original") {
      context.drawImage(picture, 0, 0);
      return;
    }
    this.#shapeMask(this.#mask);
    const person = this.#cutPerson(picture);
    this.#drawBackground(picture, person);
    if (this.#look.background !== "mask") context.drawImage(person.canvas, 0, 0);
  }

  /** @param {ImageBitmap} picture @param {CanvasRenderingContext2D} person */
  #drawBackground(picture, person) {
    const { canvas, context } = this;
    const { background, blur, colour } = this.#look;
    if (background === "blur")
      context.drawImage(blurPicture(picture, person.canvas, blur), 0, 0, canvas.width, canvas.height);
    if (background === "colour" || background === "mask") {
      context.fillStyle = background === "mask" ? "#000" : colour;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    if (background === "mask") context.drawImage(this.#maskLayer.canvas, 0, 0, canvas.width, canvas.height);
  }

  /** @param {ImageBitmap} picture */
  #cutPerson(picture) {
    const person = this.#personLayer;
    resize(person.canvas, picture.width, picture.height);
    person.globalCompositeOperation = "copy";
    person.drawImage(this.#maskLayer.canvas, 0, 0, picture.width, picture.height);
    person.globalCompositeOperation = "source-in";
    person.drawImage(picture, 0, 0);
    return person;
  }

  /** Puts the mask into the alpha of its layer, with the edge as soft as asked for. @param {Uint8ClampedArray} mask */
  #shapeMask(mask) {
    const half = 0.06 + 0.34 * this.#look.edge;
    const image = new ImageData(SIDE, SIDE);
    const curve = Uint8ClampedArray.from({ length: 256 }, (_, value) => {
      const position = Math.min(1, Math.max(0, (value / 255 - MIDDLE + half) / (2 * half)));
      return 255 * position * position * (3 - 2 * position);
    });
    for (let index = 0; index < mask.length; index += 1) {
      image.data[4 * index] = 255;
      image.data[4 * index + 1] = 255;
      image.data[4 * index + 2] = 255;
      image.data[4 * index + 3] = curve[mask[index] ?? 0] ?? 0;
    }
    this.#maskLayer.putImageData(image, 0, 0);
  }
}

/** @param {number} width @param {number} height */
function layer(width, height) {
  const canvas = document.createElement("canvas");
  resize(canvas, width, height);
  return contextOf(canvas);
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser has no 2D canvas.");
  context.imageSmoothingQuality = "high";
  return context;
}

/** Setting a size clears a canvas, so it is set only where it differs. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
