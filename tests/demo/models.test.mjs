import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { cutOutSample, identifyFile, openDemo, readAnswer, readPixels } from "./visit.mjs";

/** @type {Awaited<ReturnType<typeof openDemo>>} */
let demo;
/** @type {Awaited<ReturnType<typeof demo.visit>>} */
let visit;

before(async () => {
  demo = await openDemo();
  visit = await demo.visit();
});
after(() => demo?.close());

/** @param {string} path */
const read = (path) => readFile(new URL(`../../${path}`, import.meta.url));

test("a PNG is a PNG, whatever its name", async () => {
  const answer = await identifyFile(visit.page, "picture.doc", await read("www/assets/files/holiday.txt"));
  assert.equal(answer.label, "png");
  assert.equal(answer.title, "PNG image");
  assert.equal(answer.chart[0]?.label, "png");
  assert.ok((answer.chart[0]?.share ?? 0) > 0.99);
  assert.match(answer.notes.join(" "), /\.doc/);
});

test("Python source is Python source", async () => {
  const answer = await identifyFile(visit.page, "tool", await read("www/assets/files/no-extension"));
  assert.equal(answer.label, "python");
  assert.equal(answer.notes.length, 0);
  const shares = answer.chart.map(({ share }) => share);
  assert.deepEqual(
    shares,
    [...shares].sort((a, b) => b - a),
  );
});

test("all 214 probabilities can be seen, and sum to one", async () => {
  await visit.page.locator(".all-types summary").click();
  assert.equal(await visit.page.locator(".all-types tbody tr").count(), 214);
});

test("every sample is what it is", async () => {
  const expected = {
    "no-extension": "python",
    "holiday.txt": "png",
    "notes.mp3": "markdown",
    "archive.jpg": "docx",
    "ringtone.exe": "wav",
    "invoice.pdf.bak": "rust",
    report: "sql",
  };
  for (const [name, label] of Object.entries(expected)) {
    await visit.page.locator(`[data-sample$="/${name}"]`).click();
    await visit.page.locator(".answer[data-state=sure]", { hasText: name }).waitFor();
    assert.equal((await readAnswer(visit.page)).label, label, name);
  }
});

test("a guess that Magika would not believe is shown as one", async () => {
  await visit.page.locator('[data-sample$="/unclear.dat"]').click();
  await visit.page.locator(".answer[data-state=unsure]").waitFor();
  const { title, label, notes } = await readAnswer(visit.page);
  assert.equal(title, "Not sure");
  assert.equal(label, "txt");
  assert.match(notes.join(" "), /best guess is .* at 3\d/);
});

test("an empty file and a tiny one are not put to the model", async () => {
  const empty = await identifyFile(visit.page, "nothing.bin", Buffer.alloc(0));
  assert.equal(empty.title, "Empty file");
  const tiny = await identifyFile(visit.page, "tiny.txt", Buffer.from("          hello\n"));
  assert.equal(tiny.title, "Too small to tell");
  assert.equal(tiny.label, "txt");
  assert.deepEqual(tiny.chart, []);
  assert.equal(await visit.page.locator('#file-type [data-stage="inference"]').innerText(), "–");
});

test("a dropped file is taken anywhere on the page", async () => {
  await visit.page.evaluate(() => {
    const transfer = new DataTransfer();
    const text = JSON.stringify(
      { name: "edgewise", private: true, list: [1, 2, 3], nested: { a: null } },
      null,
      2,
    );
    transfer.items.add(new File([text], "dropped"));
    document
      .querySelector("h1")
      ?.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await visit.page.locator('.answer-title[data-label="json"]').waitFor();
});

test("the astronaut is kept and the background goes", async () => {
  const { page } = visit;
  await cutOutSample(page, "astronaut");
  await page.getByRole("radio", { name: "Transparent" }).check();
  const [face, suit, wall, flag, rocket] = await readPixels(page, [
    [0.43, 0.25],
    [0.35, 0.7],
    [0.65, 0.1],
    [0.05, 0.1],
    [0.82, 0.3],
  ]);
  assert.equal(face?.[3], 255);
  assert.equal(suit?.[3], 255);
  for (const pixel of [wall, flag, rocket]) assert.equal(pixel?.[3], 0);
  assert.match(
    await page.locator(".stage-caption").innerText(),
    /takes 5\d(\.\d)? % of the picture for a person/,
  );
});

test("the background takes a colour, a blur, and the original comes back", async () => {
  const { page } = visit;
  const wall = /** @type {[number, number]} */ ([0.65, 0.1]);
  await page.getByRole("radio", { name: "Colour", exact: true }).check();
  await page.getByRole("radio", { name: "Amber" }).check();
  assert.deepEqual(await readPixels(page, [wall]), [[0xf2, 0xb8, 0x4b, 255]]);
  await page.getByRole("radio", { name: "Mask" }).check();
  assert.deepEqual(await readPixels(page, [wall, [0.43, 0.25]]), [
    [0, 0, 0, 255],
    [255, 255, 255, 255],
  ]);
  await page.getByRole("radio", { name: "Blur" }).check();
  const blurred = await measureContrast(page);
  await page.getByRole("button", { name: "Show the original" }).click();
  const sharp = await measureContrast(page);
  assert.ok(blurred < 0.7 * sharp, `${blurred} is not well below ${sharp}`);
  await page.getByRole("button", { name: "Show the original" }).click();
});

/**
 * How much neighbouring pixels differ in the flag, which is background.
 *
 * @param {import("playwright-core").Page} page
 */
async function measureContrast(page) {
  const places = Array.from(
    { length: 120 },
    (_, index) => /** @type {[number, number]} */ ([0.02, 0.1 + index / 512]),
  );
  const pixels = await readPixels(page, places);
  return pixels
    .slice(1)
    .reduce((sum, [red = 0], index) => sum + Math.abs(red - (pixels[index]?.[0] ?? 0)), 0);
}

test("the result can be downloaded at the photo's size", async () => {
  const { page } = visit;
  const arriving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download PNG" }).click();
  const download = await arriving;
  assert.equal(download.suggestedFilename(), "astronaut-edgewise.png");
  const png = await readFile(await download.path());
  assert.equal(png.readUInt32BE(16), 512);
  assert.equal(png.readUInt32BE(20), 512);
});

test("a file that is no picture is refused in words, and the next one works", async () => {
  const { page } = visit;
  const input = page.locator("#cut-out input[type=file]");
  await input.setInputFiles({
    name: "letter.pdf",
    mimeType: "application/pdf",
    buffer: Buffer.from("%PDF-1.7"),
  });
  await page.getByText("is not a picture this browser can read").waitFor();
  await input.setInputFiles({
    name: "drawing.svg",
    mimeType: "image/svg+xml",
    buffer: await read("www/icon.svg"),
  });
  await page.locator(".stage[data-state=done]").waitFor();
});

test("progress, the time of every stage and the sizes are shown", async () => {
  for (const id of ["file-type", "cut-out"]) {
    const hood = visit.page.locator(`#${id} .under-the-hood`);
    if (id === "file-type")
      await identifyFile(visit.page, "again", await read("www/assets/files/no-extension"));
    else await cutOutSample(visit.page, "astronaut");
    for (const stage of ["engine", "download", "prepare", "preprocess", "inference", "postprocess"]) {
      assert.match(
        await hood.locator(`[data-stage=${stage}]`).innerText(),
        /^(< )?[\d.]+ m?s$/,
        `${id} ${stage}`,
      );
    }
    for (const part of ["engine", "model"]) {
      assert.match(
        await hood.locator(`[data-part=${part}]`).innerText(),
        /^[\d.]+ [kM]B\s+(from|[\d.]+ [kM]B)/,
      );
    }
    assert.equal(
      await hood.locator("progress").evaluate((bar) => bar instanceof HTMLProgressElement && bar.value),
      1,
    );
  }
});

test("nothing was asked of another origin, and nothing complained", () => {
  const foreign = visit.requests.filter(
    (url) => !url.startsWith(demo.site.url) && !/^(blob|data):/.test(url),
  );
  assert.deepEqual(foreign, []);
  assert.ok(visit.requests.length > 10);
  assert.deepEqual(visit.complaints, []);
});
