/** The page of benchmarks, on one small model. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { openDemo } from "./visit.mjs";

/** @type {Awaited<ReturnType<typeof openDemo>>} */
let demo;

before(async () => {
  demo = await openDemo();
});
after(() => demo?.close());

/** @param {import("playwright-core").BrowserContextOptions} [options] */
async function openBench(options) {
  const visit = await demo.visit({ serviceWorkers: "block", ...options });
  await visit.page.goto(`${demo.site.url}/bench.html#models=gemm_64x64x64`);
  return visit;
}

test("a model is measured: rows, the chart and the file come", async () => {
  const { page, context, complaints, requests } = await openBench();
  await page.getByLabel("For each model and engine").selectOption("0.2");
  await page.getByRole("button", { name: "Run" }).press("Enter");
  await page.locator("#outcome[data-state=done]").waitFor();
  const version = await page.evaluate(() => fetch("rival/version.json").then((answer) => answer.json()));
  const engines = await page.locator("#outcome tbody tr td:nth-child(3)").allInnerTexts();
  assert.deepEqual(engines, version.version ? ["Edgewise", "onnxruntime-web"] : ["Edgewise"]);
  assert.match(await page.locator(".peaks").innerText(), /f32 mul \+ add: \d/);
  assert.equal(await page.locator(".bench-chart rect").count(), version.version ? 1 : 0);
  const arriving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download JSON" }).click();
  const report = JSON.parse(await readFile(await (await arriving).path(), "utf8"));
  const [result] = report.results;
  assert.equal(result.name, "gemm_64x64x64");
  assert.ok(result.own.later.minimum > 0 && result.own.later.minimum <= result.own.later.median);
  assert.ok(result.own.wasmBytes > 0);
  if (version.version) assert.ok(result.rival.apart < 1e-3);
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(demo.site.url) && !/^(blob|data):/.test(url)),
    [],
  );
  await context.close();
});

test("the chart shows on which side of one each model is", async () => {
  const { page, context } = await openBench();
  const report = (/** @type {number} */ minimum) => ({
    later: { minimum, median: minimum, samples: 3 },
    cold: 1,
    load: 1,
    first: 1,
  });
  await page.route("**/rival/version.json", (route) => route.fulfill({ json: { version: "0.0.0" } }));
  await page.route("**/bench-worker.js", (route) =>
    route.fulfill({
      contentType: "text/javascript",
      headers: { "Cross-Origin-Embedder-Policy": "require-corp" },
      body: `onmessage = ({ data }) => postMessage({ value: data.task === "peak" ? {} :
        { own: ${JSON.stringify(report(2))}, rival: data.threads > 1 ? ${JSON.stringify(report(1))} : ${JSON.stringify(report(6))} } });`,
    }),
  );
  await page.reload();
  await page.getByLabel("Threads").selectOption("1,2");
  await page.getByRole("button", { name: "Run" }).click();
  await page.locator("#outcome[data-state=done]").waitFor();
  assert.deepEqual(await page.locator(".bench-chart .ratio").allTextContents(), ["3.00", "0.50"]);
  assert.equal(await page.locator(".bench-chart .ahead").count(), 1);
  assert.equal(await page.locator(".bench-chart .behind").count(), 1);
  assert.match(await page.locator(".summary").innerText(), /1\.22 times as long/);
  await context.close();
});

test("what cannot be measured is said, nothing overflows on a phone, and Stop stops", async () => {
  const { page, context } = await openBench({ viewport: { width: 320, height: 568 }, isMobile: true });
  await page.route("**/*.onnx", (route) => route.fulfill({ status: 503, body: "later" }));
  await page.getByLabel("gemm_64x64x64").uncheck();
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("Choose a model first.").waitFor();
  await page.getByLabel("magika").check();
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("the server answered 503").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  await page.locator("#outcome[data-state=done]").waitFor();
  await page.getByLabel("mobilenet_v2").check();
  await page.getByLabel("For each model and engine").selectOption("5");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText(/mobilenet_v2, 1 thread/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  await context.close();
});
