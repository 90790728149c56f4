import assert from "node:assert/strict";
import { appendFile, readFile } from "node:fs/promises";
import { test } from "node:test";
import { serveSite } from "../../www/serve.mjs";
import { cutOutSample, identifyFile, openDemo, readPixels } from "./visit.mjs";

const sample = await readFile(new URL("../../www/assets/files/no-extension", import.meta.url));

/** @param {import("playwright-core").Page} page */
async function checkBothModels(page) {
  assert.equal((await identifyFile(page, "code", sample)).label, "python");
  await cutOutSample(page, "astronaut");
  await page.getByRole("radio", { name: "Transparent" }).check();
  const pixels = await readPixels(page, [
    [0.43, 0.25],
    [0.65, 0.1],
  ]);
  assert.deepEqual(
    pixels.map(([, , , alpha]) => alpha),
    [255, 0],
  );
}

test("after the first visit both models run with the server gone", async () => {
  const demo = await openDemo();
  try {
    const { page, context, complaints } = await demo.visit();
    await page.locator("#offline[data-state=saved]").waitFor();
    assert.match(await page.locator("#offline").innerText(), /Ready offline/);
    await demo.site.close();
    await context.setOffline(true);

    // The second model was never asked for while there was a network.
    await checkBothModels(page);
    await page.reload();
    await page.getByText(/Ready offline|Offline, still running/).waitFor();
    await checkBothModels(page);
    assert.match(
      await page.locator('[data-part="engine"]').first().innerText(),
      /MB\s+from the offline copy/,
    );
    for (const query of ["?utm_source=test", "index.html?x=1", "?a=1#cut-out"]) {
      await page.goto(`${demo.site.url}/${query}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
    }
    await page.goto(`${demo.site.url}/no/such/page`);
    assert.equal(page.url(), `${demo.site.url}/`);
    await checkBothModels(page);
    await page.locator("#offline[data-state=saved]").waitFor();

    const another = await context.newPage();
    await another.goto(demo.site.url);
    await checkBothModels(another);
    assert.deepEqual(
      complaints.filter((line) => !line.includes("ERR_INTERNET_DISCONNECTED")),
      [],
    );
  } finally {
    await demo.close();
  }
});

test("a new version replaces the old one whole, at the next reload", async () => {
  const demo = await openDemo();
  const port = Number(new URL(demo.site.url).port);
  const { buildSite } = await import("../../www/build.mjs");
  let next;
  try {
    const { page, requests, complaints } = await demo.visit();
    await page.locator("#offline[data-state=saved]").waitFor();
    const [before] = await page.evaluate(() => caches.keys());
    await demo.site.close();

    await buildSite({
      outdir: demo.outdir,
      revise: (folder) => appendFile(`${folder}/index.html`, "<!-- new -->"),
    });
    next = await serveSite({ port, outdir: demo.outdir });
    requests.length = 0;
    await page.reload();
    await page.locator("#offline[data-state=update]").waitFor();
    assert.equal(await page.content().then((html) => html.includes("<!-- new -->")), false);
    const earlier = requests.length;
    await page.reload();
    await page.waitForFunction(
      () =>
        document.documentElement.outerHTML.includes("new -->") || document.lastChild?.nodeName === "#comment",
    );
    await page.locator("#offline[data-state=saved]").waitFor();
    // The old version answers once, and is not asked again while the new one takes its place: Chromium may never answer that.
    const pages = requests.slice(earlier).filter((url) => new URL(url).pathname === "/");
    assert.equal(pages.length, 2, pages.join());
    const names = await page.evaluate(() => caches.keys());
    assert.equal(names.length, 1);
    assert.notEqual(names[0], before);
    const models = requests.filter((url) => url.endsWith(".onnx") || url.endsWith(".wasm"));
    assert.deepEqual(
      models.filter((url) => url.includes("selfie")),
      [],
      "what did not change is not fetched again",
    );
    await checkBothModels(page);
    assert.deepEqual(complaints, []);
  } finally {
    await next?.close();
    await demo.close();
  }
});
