/** The demo as a visitor has it: built, served, and open in a real Chromium that records what goes on. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildSite } from "../../www/build.mjs";
import { serveSite } from "../../www/serve.mjs";
import { launchChromium } from "../chromium.mjs";

/** A machine under load takes its time. */
export const patience = { timeout: 60_000 };

/**
 * Builds and serves the site into a folder of its own, and starts a browser.
 *
 * @param {import("playwright-core").LaunchOptions} [launchOptions]
 */
export async function openDemo(launchOptions = {}) {
  const outdir = await mkdtemp(path.join(tmpdir(), "edgewise-site-"));
  await buildSite({ outdir });
  const site = await serveSite({ outdir });
  const browser = await launchChromium(/** @type {any} */ (launchOptions));
  return {
    outdir,
    site,
    browser,
    /** @param {import("playwright-core").BrowserContextOptions} [options] */
    visit: (options) => visit(browser, site.url, options),
    async close() {
      await browser.close();
      await site.close();
      await rm(outdir, { recursive: true, force: true });
    },
  };
}

/**
 * Opens a page in a fresh profile.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(patience.timeout);
  const page = await context.newPage();
  /** @type {string[]} */
  const requests = [];
  /** @type {string[]} */
  const complaints = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      console.error(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`),
    );
  });
  await page.goto(url);
  return { context, page, requests, complaints };
}

/**
 * Asks what type a file is, and waits for the answer.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {Buffer} buffer
 */
export async function identifyFile(page, name, buffer) {
  await page.getByRole("tab", { name: "What is this file?" }).click();
  await page
    .locator("#file-type input[type=file]")
    .setInputFiles({ name, mimeType: "application/octet-stream", buffer });
  await page.locator(".answer-file .file-name", { hasText: name }).waitFor();
  await page.locator(".answer:is([data-state=sure], [data-state=unsure])").waitFor();
  return readAnswer(page);
}

/** @param {import("playwright-core").Page} page */
export async function readAnswer(page) {
  const title = page.locator(".answer-title");
  return {
    state: await page.locator(".answer").getAttribute("data-state"),
    title: await title.innerText(),
    label: await title.getAttribute("data-label"),
    notes: await page.locator(".answer-note").allInnerTexts(),
    chart: await page.locator(".chart li").evaluateAll((rows) =>
      rows.map((row) => ({
        label: row.getAttribute("data-label"),
        share: Number(row.querySelector("meter")?.value),
      })),
    ),
  };
}

/**
 * @param {import("playwright-core").Page} page
 * @param {"astronaut" | "chelsea"} name
 */
export async function cutOutSample(page, name) {
  await page.getByRole("tab", { name: "Cut out a person" }).click();
  await page.locator(`[data-sample$="${name}.jpg"]`).click();
  await page.locator(".stage[data-state=done]").waitFor();
}

/**
 * Reads pixels off the picture; places are shares of its width and height.
 *
 * @param {import("playwright-core").Page} page
 * @param {[x: number, y: number][]} places
 * @returns {Promise<number[][]>} red, green, blue and alpha of each
 */
export function readPixels(page, places) {
  return page.locator("#cut-out canvas").evaluate((canvas, points) => {
    if (!(canvas instanceof HTMLCanvasElement)) throw new Error("no canvas");
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", { willReadFrequently: true });
    context?.drawImage(canvas, 0, 0);
    return points.map(([x, y]) => [
      ...(context?.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data ??
        []),
    ]);
  }, places);
}
