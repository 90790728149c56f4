import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { cutOutSample, openDemo } from "./visit.mjs";

/** @type {Awaited<ReturnType<typeof openDemo>>} */
let demo;

before(async () => {
  demo = await openDemo();
});
after(() => demo?.close());

test("nothing overflows sideways on a phone, in either section", async () => {
  for (const viewport of [
    { width: 375, height: 700 },
    { width: 320, height: 568 },
  ]) {
    const { page, context } = await demo.visit({ viewport, isMobile: true, hasTouch: true });
    await page.locator('[data-sample$="/holiday.txt"]').tap();
    await page.locator(".answer[data-state=sure]").waitFor();
    await page.locator(".all-types summary").tap();
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(await width(), viewport.width);
    await cutOutSample(page, "astronaut");
    await page.getByRole("radio", { name: "Colour", exact: true }).check();
    assert.equal(await width(), viewport.width);
    await context.close();
  }
});

test("the tabs work by keyboard and by address", async () => {
  const { page, context } = await demo.visit();
  await page.getByRole("tab", { name: "What is this file?" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(
    await page.getByRole("tab", { name: "Cut out a person" }).getAttribute("aria-selected"),
    "true",
  );
  assert.equal(await page.locator("#file-type").isVisible(), false);
  await page.reload();
  assert.equal(await page.locator("#cut-out").isVisible(), true);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.className), "skip-link");
  await context.close();
});

test("models load when their section is seen", async () => {
  const { page, context, requests } = await demo.visit({ serviceWorkers: "block" });
  await page.locator("#file-type .under-the-hood[data-state=ready]").waitFor();
  assert.deepEqual(
    requests.filter((url) => url.includes("selfie")),
    [],
  );
  await page.getByRole("tab", { name: "Cut out a person" }).click();
  await page.locator("#cut-out .under-the-hood[data-state=ready]").waitFor();
  assert.equal(requests.filter((url) => url.includes("selfie")).length, 1);
  await context.close();
});

test("a model that cannot be fetched is explained, and can be tried again", async () => {
  const { page, context } = await demo.visit({ serviceWorkers: "block" });
  await page.locator("#file-type .under-the-hood[data-state=ready]").waitFor();
  await context.route("**/*.onnx", (route) => route.fulfill({ status: 503, body: "later" }));
  await page.getByRole("tab", { name: "Cut out a person" }).click();
  const failure = page.locator("#cut-out .failure");
  await failure.waitFor();
  assert.match(await failure.innerText(), /could not be downloaded[\s\S]*MODEL_FETCH_FAILED/);
  await context.unroute("**/*.onnx");
  await failure.getByRole("button", { name: "Try again" }).click();
  await page.locator("#cut-out .under-the-hood[data-state=ready]").waitFor();
  assert.equal(await failure.isVisible(), false);
  await cutOutSample(page, "astronaut");
  await context.close();
});

test("the server says what each file is, and keeps the page to itself", async () => {
  const page = await fetch(demo.site.url);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  assert.equal(page.headers.get("cross-origin-opener-policy"), "same-origin");
  assert.equal(page.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.match(
    page.headers.get("content-security-policy") ?? "",
    /default-src 'self'; script-src 'self' 'wasm-unsafe-eval';/,
  );
  const html = await page.text();
  assert.match(html, /http-equiv="Content-Security-Policy"/);
  const wasm = await fetch(`${demo.site.url}/wasm/edgewise_bg.wasm`);
  assert.equal(wasm.headers.get("content-type"), "application/wasm");
  await wasm.arrayBuffer();
  const missing = await fetch(`${demo.site.url}/nothing-here`);
  assert.equal(missing.status, 404);
});
