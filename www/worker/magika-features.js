/**
 * What Magika looks at: the first and the last bytes of a file, as token ids.
 *
 * @typedef {object} FeatureConfig
 * @property {number} beg_size
 * @property {number} end_size
 * @property {number} block_size
 * @property {number} padding_token
 * @property {number} min_file_size_for_dl
 */

/**
 * Reads the two blocks the features come from; the rest of the file is never read, however large it is.
 *
 * @param {Blob} file
 * @param {FeatureConfig} config
 */
export async function readBlocks(file, config) {
  const size = Math.min(config.block_size, file.size);
  const [head, tail] = await Promise.all([
    file.slice(0, size).arrayBuffer(),
    file.slice(file.size - size).arrayBuffer(),
  ]);
  return { head: new Uint8Array(head), tail: new Uint8Array(tail) };
}

/**
 * @param {Uint8Array} head the first block of the file
 * @param {Uint8Array} tail the last block of the file
 * @param {FeatureConfig} config
 */
export function extractFeatures(head, tail, config) {
  const begin = stripStart(head).subarray(0, config.beg_size);
  const stripped = stripEnd(tail);
  const end = stripped.subarray(Math.max(0, stripped.length - config.end_size));
  const tokens = new Int32Array(config.beg_size + config.end_size).fill(config.padding_token);
  tokens.set(begin, 0);
  tokens.set(end, tokens.length - end.length);
  return tokens;
}

/**
 * Magika's own rule: fewer meaningful bytes than this are not shown to the model.
 *
 * @param {Uint8Array} head
 * @param {FeatureConfig} config
 */
export function hasEnoughBytes(head, config) {
  return stripStart(head).length >= config.min_file_size_for_dl;
}

/** @param {Uint8Array} block */
export function isUtf8(block) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(block);
    return true;
  } catch {
    return false;
  }
}

/** The bytes that Python's bytes.strip() takes for white space, which Magika was trained with. @param {number} byte */
function isSpace(byte) {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** @param {Uint8Array} block */
function stripStart(block) {
  let start = 0;
  while (start < block.length && isSpace(block[start] ?? 0)) start += 1;
  return block.subarray(start);
}

/** @param {Uint8Array} block */
function stripEnd(block) {
  let end = block.length;
  while (end > 0 && isSpace(block[end - 1] ?? 0)) end -= 1;
  return block.subarray(0, end);
}
