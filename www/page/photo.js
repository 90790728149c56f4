/** Large enough for a screen, small enough for a phone's memory. */
const LONGEST_SIDE = 2560;

/** A picture that the browser cannot read. */
export class PhotoError extends Error {
  name = "PhotoError";
}

/**
 * Decodes a photo the right way up, no larger than a canvas can hold everywhere.
 *
 * @param {File} file
 */
export async function decodePhoto(file) {
  const full = await decode(file);
  const scale = LONGEST_SIDE / Math.max(full.width, full.height);
  if (scale >= 1) return full;
  const fitted = await createImageBitmap(full, {
    resizeWidth: Math.max(1, Math.round(full.width * scale)),
    resizeHeight: Math.max(1, Math.round(full.height * scale)),
    resizeQuality: "high",
  });
  full.close();
  return fitted;
}

/** @param {File} file */
async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return decodeAsElement(file);
  }
}

/** An image element reads what createImageBitmap does not: SVG. @param {File} file */
async function decodeAsElement(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return await createImageBitmap(image);
  } catch (cause) {
    const kind = file.type || "of an unknown type";
    throw new PhotoError(
      `“${file.name}” (${kind}) is not a picture this browser can read. Try a JPEG, PNG or WebP.`,
      { cause },
    );
  } finally {
    URL.revokeObjectURL(image.src);
  }
}
