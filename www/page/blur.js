/**
 * Blurs by shrinking and growing again, which every browser does fast; `filter` on a canvas is missing in Safari.
 */

/** @type {CanvasRenderingContext2D[]} */
const pyramid = [];

/**
 * Blurs what is behind the person. The person is taken out first, so that no halo of it remains around it.
 *
 * @param {ImageBitmap} picture
 * @param {HTMLCanvasElement} person the person alone, on transparent
 * @param {number} strength how often a picture of 1280 pixels is halved
 */
export function blurPicture(picture, person, strength) {
  const longest = Math.max(picture.width, picture.height);
  const levels = Math.max(1, Math.round(strength + Math.log2(longest / 1280)));
  const first = openLevel(0, picture.width / 2, picture.height / 2);
  first.drawImage(picture, 0, 0, first.canvas.width, first.canvas.height);
  first.globalCompositeOperation = "destination-out";
  first.drawImage(person, 0, 0, first.canvas.width, first.canvas.height);
  for (let level = 1; level < levels; level += 1) shrink(level);
  fillHoles(levels - 1, picture);
  for (let level = levels - 1; level > 0; level -= 1) grow(level);
  return first.canvas;
}

/** @param {number} level */
function shrink(level) {
  const above = contextAt(level - 1);
  const context = openLevel(level, above.canvas.width / 2, above.canvas.height / 2);
  context.drawImage(above.canvas, 0, 0, context.canvas.width, context.canvas.height);
}

/** @param {number} level */
function grow(level) {
  const context = contextAt(level - 1);
  const below = contextAt(level).canvas;
  context.globalCompositeOperation = "copy";
  context.drawImage(below, 0, 0, context.canvas.width, context.canvas.height);
}

/**
 * Where the person was there is nothing to blur: what is nearly transparent is drawn over itself until it is
 * solid, and the plain picture goes underneath for the rest.
 *
 * @param {number} level
 * @param {ImageBitmap} picture
 */
function fillHoles(level, picture) {
  const context = contextAt(level);
  context.globalCompositeOperation = "source-over";
  for (let time = 0; time < 4; time += 1) context.drawImage(context.canvas, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.drawImage(picture, 0, 0, context.canvas.width, context.canvas.height);
}

/** @param {number} level @param {number} width @param {number} height */
function openLevel(level, width, height) {
  const context = contextAt(level);
  context.canvas.width = Math.max(1, Math.round(width));
  context.canvas.height = Math.max(1, Math.round(height));
  context.imageSmoothingQuality = "high";
  return context;
}

/** @param {number} level */
function contextAt(level) {
  const known = pyramid[level];
  if (known) return known;
  const context = document.createElement("canvas").getContext("2d");
  if (!context) throw new Error("This browser has no 2D canvas.");
  pyramid[level] = context;
  return context;
}
