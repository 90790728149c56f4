import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { extractFeatures, hasEnoughBytes, isUtf8, readBlocks } from "../../www/worker/magika-features.js";

const configFile = new URL("../../www/assets/magika_v3.config.json", import.meta.url);
const content = await readFile(configFile);
const config = JSON.parse(content.toString());

/** @param {BlobPart} bytes */
async function featuresOf(bytes) {
  const { head, tail } = await readBlocks(new Blob([bytes]), config);
  return extractFeatures(head, tail, config);
}

test("the tokens of a real file are those of the reference case", async () => {
  const tokens = await featuresOf(content);
  const hash = createHash("sha256").update(new Uint8Array(tokens.buffer)).digest("hex");
  // Row 2 of the zoo's magika_v3/inputs_2.npz, which was made from this very file.
  assert.equal(hash, "41deaf6494a4ba03ff1705748c0bd7bab3835b11b86f26fd4643fdb40cec9698");
});

test("a short file is padded behind its start and in front of its end", async () => {
  const tokens = await featuresOf("  \n\tabcdefgh\v\f\r\n ");
  const text = "abcdefgh";
  assert.deepEqual([...tokens.slice(0, 8)], [...Buffer.from(text)]);
  assert.deepEqual([...tokens.slice(-8)], [...Buffer.from(text)]);
  assert.equal(Buffer.from(tokens.slice(8, 9)).length, 1);
  const trailing = [...tokens.slice(8, 16)];
  assert.deepEqual(trailing, [0x0b, 0x0c, 0x0d, 0x0a, 0x20, 256, 256, 256]);
  assert.equal(tokens[1024], 256);
  assert.equal(tokens.length, 2048);
});

test("white space is stripped within the first and the last 4,096 bytes only", async () => {
  const tokens = await featuresOf(
    Buffer.concat([Buffer.alloc(4096, " "), Buffer.from("x".repeat(5000)), Buffer.alloc(4096, "\n")]),
  );
  assert.ok(tokens.every((token) => token === 256));
});

test("only two blocks are read of a large file", async () => {
  const slices = [];
  const file = new Blob([new Uint8Array(100_000)]);
  const slice = file.slice.bind(file);
  file.slice = (start, end) => {
    slices.push([start, end]);
    return slice(start, end);
  };
  await readBlocks(file, config);
  assert.deepEqual(slices, [
    [0, 4096],
    [95_904, undefined],
  ]);
});

test("fewer than eight bytes, white space aside, are not for the model", () => {
  assert.equal(hasEnoughBytes(Buffer.from("1234567"), config), false);
  assert.equal(hasEnoughBytes(Buffer.from("12345678"), config), true);
  assert.equal(hasEnoughBytes(Buffer.from("       1234567"), config), false);
  assert.equal(isUtf8(Buffer.from("né")), true);
  assert.equal(isUtf8(Buffer.from([0xff, 0xfe])), false);
});
