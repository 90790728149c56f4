/**
 * A headless Chromium for tests: `const browser = await launchChromium({ args, ...launchOptions })` gives a
 * playwright-core Browser. It is the one that CHROMIUM_PATH or CHROME_PATH names, else one that is installed, else the one
 * that `setup.mjs --test` takes from npm, which needs no system package.
 */

import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { run, toolsDir } from "../pkg/scripts/workspace.mjs";

const npmDir = join(toolsDir, "chromium");
const npmBrowser = join(npmDir, "browser", "chromium");

const installedPaths = {
  linux: [
    "/usr/bin/google-chrome-stable",
    "/usr/bin/google-chrome",
    "/opt/google/chrome/chrome",
    "/usr/bin/chromium",
    "/usr/bin/microsoft-edge",
  ],
  darwin: ["", homedir()].flatMap((parent) => [
    `${parent}/Applications/Google Chrome.app/Contents/MacOS/Google Chrome`,
    `${parent}/Applications/Chromium.app/Contents/MacOS/Chromium`,
    `${parent}/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge`,
  ]),
  win32: [process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA]
    .filter(Boolean)
    .flatMap((parent) => [
      `${parent}\\Google\\Chrome\\Application\\chrome.exe`,
      `${parent}\\Chromium\\Application\\chrome.exe`,
      `${parent}\\Microsoft\\Edge\\Application\\msedge.exe`,
    ]),
};

/** The path of the browser to use, or undefined when there is none yet. */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH || process.env.CHROME_PATH;
  if (named) return named;
  return [...(installedPaths[process.platform] ?? []), npmBrowser].find((path) => existsSync(path));
}

/** Launches the browser; the options are playwright's. */
export async function launchChromium({ args = [], env = {}, ...options } = {}) {
  const executablePath = findChromium();
  if (!executablePath)
    throw new Error("no Chromium: run node pkg/scripts/setup.mjs --test, or set CHROMIUM_PATH");
  const fromNpm = executablePath === npmBrowser;
  // Chromium's sandbox refuses root, and the browser from npm has no sandbox helper.
  const unsandboxed = fromNpm || process.getuid?.() === 0;
  return chromium.launch({
    executablePath,
    args: unsandboxed ? ["--no-sandbox", ...args] : args,
    env: { ...process.env, ...(fromNpm ? npmBrowserEnv() : {}), ...env },
    ...options,
  });
}

/** Its own libraries and fonts: a machine without a browser often lacks libnss3 and has no font at all. */
function npmBrowserEnv() {
  const directory = join(npmDir, "browser");
  return {
    LD_LIBRARY_PATH: [join(directory, "al2023", "lib"), process.env.LD_LIBRARY_PATH]
      .filter(Boolean)
      .join(":"),
    ...(existsSync("/etc/fonts/fonts.conf") ? {} : { FONTCONFIG_PATH: join(directory, "fonts") }),
  };
}

/** Installs npm's @sparticuz/chromium beside the other tools, unpacked. */
export async function installChromium() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(
      "the browser tests need Chrome, Chromium or Edge: install one, or set CHROMIUM_PATH to yours",
    );
  }
  const [major, minor] = process.versions.node.split(".").map(Number);
  const version = (major === 22 && minor >= 17) || major >= 24 ? "153.0.0" : "147.0.0";
  run("npm", [
    ...["install", "--no-save", "--no-audit", "--no-fund", "--prefix", npmDir],
    `@sparticuz/chromium@${version}`,
  ]);
  const unpacked = join(npmDir, "unpacked");
  rmSync(unpacked, { recursive: true, force: true });
  // The package unpacks into the temporary folder, and its libraries only where it takes the machine for AWS Lambda.
  run(process.execPath, ["--input-type=module", "--eval", unpackScript], {
    env: { TMPDIR: unpacked, AWS_LAMBDA_JS_RUNTIME: "nodejs22.x" },
  });
  const fonts = join(npmDir, "browser", "fonts");
  writeFileSync(join(unpacked, "fonts", "fonts.conf"), `<fontconfig><dir>${fonts}</dir></fontconfig>`);
  // Renamed when complete, so that an unpacking that was stopped half way is not taken for a browser.
  rmSync(join(npmDir, "browser"), { recursive: true, force: true });
  renameSync(unpacked, join(npmDir, "browser"));
  rmSync(join(npmDir, "node_modules"), { recursive: true });
}

const packageUrl = pathToFileURL(join(npmDir, "node_modules/@sparticuz/chromium/build/esm/index.js"));
const unpackScript = `
  import { mkdirSync } from "node:fs";
  mkdirSync(process.env.TMPDIR, { recursive: true });
  const { default: chromium } = await import(${JSON.stringify(packageUrl.href)});
  await chromium.executablePath();
`;
