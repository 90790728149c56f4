/**
 * Installs what the repository needs and the machine lacks: the Rust toolchain, the npm packages, wasm-pack and
 * wasm-bindgen; with `--test` a Chromium too. All but the toolchain goes into node_modules and <target dir>/tools.
 * Node builtins only: it runs before node_modules exists.
 */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ask, isMain, lockedVersion, readToolchain, root, run, toolsDir } from "./workspace.mjs";

const wasmPackVersion = "0.15.1";

export async function setUp({ test = false } = {}) {
  checkMachine();
  installToolchain();
  installPackages();
  // wasm-bindgen-cli without --locked: the lock file it is published with names versions that were taken back.
  installTool("wasm-pack", "wasm-pack", wasmPackVersion, ["--locked"]);
  installTool("wasm-bindgen-cli", "wasm-bindgen", lockedVersion("wasm-bindgen"), []);
  rmSync(toolsBuildDir, { recursive: true, force: true });
  if (test) await installBrowser();
}

const toolsBuildDir = join(toolsDir, "build");

function checkMachine() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Node ${process.versions.node} is too old: Edgewise is built with Node 20.19 or newer`);
  }
  if (!ask("rustup", ["--version"])) {
    throw new Error("rustup was not found. Install it from https://rustup.rs, then run this again");
  }
  if (process.platform !== "win32" && !ask("cc", ["--version"])) {
    throw new Error(
      "no C compiler (cc) was found, which Rust links with: install gcc or clang (Debian: gcc libc6-dev)",
    );
  }
}

/** Asked for by name, since rustup does not install what rust-toolchain.toml names where RUSTUP_AUTO_INSTALL=0. */
function installToolchain() {
  const { channel, components, targets } = readToolchain();
  const installed = (kind) =>
    ask("rustup", [kind, "list", "--installed", "--toolchain", channel])?.split(/\s+/) ?? [];
  const missing = [
    ...targets.filter((target) => !installed("target").includes(target)),
    ...components.filter((name) => !installed("component").some((found) => found.startsWith(name))),
  ];
  if (missing.length === 0) return;
  say(`installing Rust ${channel} (${missing.join(", ")})`);
  const wanted = [
    ...components.flatMap((name) => ["--component", name]),
    ...targets.flatMap((name) => ["--target", name]),
  ];
  run("rustup", ["toolchain", "install", channel, "--profile", "minimal", "--no-self-update", ...wanted]);
}

function installPackages() {
  const stale = findStalePackage();
  if (!stale) return;
  say(`installing npm packages (${stale})`);
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Compares what is installed with package-lock.json by version: dates say nothing in a fresh or copied checkout. */
function findStalePackage() {
  const installedPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return "none is installed";
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(installedPath);
  const stale = Object.entries(wanted).find(
    ([path, { version, optional, peer, link }]) =>
      path.startsWith("node_modules/") &&
      !link &&
      !((optional || peer) && !installed[path]) &&
      installed[path]?.version !== version,
  );
  return stale && `${stale[0].slice("node_modules/".length)} ${stale[1].version} is missing`;
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages;
}

function installTool(crate, command, version, flags) {
  if (ask(command, ["--version"])?.trim().split(" ").at(-1) === version) return;
  say(`installing ${crate} ${version} (one to three minutes)`);
  const quiet = process.stderr.isTTY ? [] : ["--quiet"];
  const install = ["install", crate, "--version", version, "--debug", "--force", "--root", toolsDir];
  run("cargo", [...install, ...quiet, ...flags], {
    // A debug build is the quickest to make; its debug information would be most of its size.
    env: { CARGO_TARGET_DIR: toolsBuildDir, CARGO_PROFILE_DEV_DEBUG: "0", RUSTFLAGS: "" },
  });
}

async function installBrowser() {
  const { findChromium, installChromium } = await import("../../tests/chromium.mjs");
  if (findChromium()) return;
  say("installing a Chromium for the tests");
  await installChromium();
}

function say(text) {
  console.log(`setup: ${text}`);
}

if (isMain(import.meta.url)) {
  const start = performance.now();
  try {
    await setUp({ test: process.argv.includes("--test") });
    say(`ready (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exit(1);
  }
}
