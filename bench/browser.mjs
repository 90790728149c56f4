/**
 * The page of benchmarks in a browser without a window: what is to be measured goes in by the address, and what was
 * found out comes back by POST, so that any browser will do.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchChromium } from "../tests/chromium.mjs";
import { buildSite } from "../www/build.mjs";
import { serveSite } from "../www/serve.mjs";

const firefoxPaths = ["/usr/bin/firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];
const minutes = 60;

/**
 * What the page found out.
 *
 * @param {string} name chromium, firefox, or the path of a Firefox
 * @param {{ models: string, threads: string, seconds: string }} choice
 * @returns {Promise<any>}
 */
export async function measureInBrowser(name, choice) {
  const directory = mkdtempSync(join(tmpdir(), "edgewise-bench-"));
  let receive = (/** @type {string} */ _report) => {};
  const arriving = new Promise((resolve) => {
    receive = (report) => resolve(JSON.parse(report));
  });
  const outdir = join(directory, "site");
  await buildSite({ outdir });
  const site = await serveSite({ outdir, onReport: receive });
  const address = new URLSearchParams({ ...choice, report: "" });
  const browser = await open(name, `${site.url}/bench.html#${address}`, join(directory, "profile"));
  try {
    return await Promise.race([arriving, browser.failed, wait()]);
  } finally {
    await browser.close();
    await site.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** @param {string} name @param {string} url @param {string} profile */
async function open(name, url, profile) {
  if (name === "chromium") {
    const browser = await launchChromium();
    const page = await browser.newPage();
    const failed = new Promise((_, reject) => {
      page.on("pageerror", reject);
      page.on("crash", () => reject(new Error("the page crashed")));
    });
    await page.goto(url);
    return { failed, close: () => browser.close() };
  }
  const path = name === "firefox" ? (firefoxPaths.find((path) => existsSync(path)) ?? name) : name;
  const options = ["--headless", "--no-remote", "--profile", mkdtempSync(`${profile}-`), url];
  const child = spawn(path, options, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const failed = new Promise((_, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${path} ended with exit code ${code}`)));
  });
  // Nobody waits for it once there is a report.
  failed.catch(() => undefined);
  return {
    failed,
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

/** @returns {Promise<never>} */
function wait() {
  return new Promise((_, reject) => {
    setTimeout(
      () => reject(new Error(`the page took more than ${minutes} minutes`)),
      minutes * 60_000,
    ).unref();
  });
}
