/** Where things are in this repository, which tool versions it asks for, and how a tool is run. Node builtins only. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const windows = process.platform === "win32";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const pkgDir = join(root, "pkg");
export const wasmDir = join(pkgDir, "wasm");
export const distDir = join(pkgDir, "dist");
export const targetDir = resolve(
  root,
  process.env.CARGO_TARGET_DIR || process.env.CARGO_BUILD_TARGET_DIR || "target",
);
export const toolsDir = join(targetDir, "tools");

export const cargoHome = process.env.CARGO_HOME || join(homedir(), ".cargo");

/**
 * What every tool runs with: ours before those of the machine, then those of rustup, which a shell opened before rustup was
 * installed does not know, and which come before a cargo that the system brought.
 */
export const toolEnv = {
  ...process.env,
  CARGO_TARGET_DIR: targetDir,
  PATH: [join(toolsDir, "bin"), join(cargoHome, "bin"), process.env.PATH].filter(Boolean).join(delimiter),
};

/** Runs a command in the repository with its output shown; a failure is an Error. */
export function run(command, args, { env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...toolEnv, ...env },
    stdio: ["ignore", "inherit", "inherit"],
    shell: windows && command === "npm",
  });
  if (result.error) throw new Error(`${command} did not start: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed (${result.signal ?? `exit code ${result.status}`})`);
  }
}

/** What a command prints, or undefined when it is missing or fails. */
export function ask(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: toolEnv,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: windows && command === "npm",
  });
  return result.status === 0 ? result.stdout : undefined;
}

/** The script behind a command of an npm package, to be run by node: Windows cannot spawn what .bin holds. */
export function findCommand(packageName, command) {
  const directory = join(root, "node_modules", packageName);
  const manifest = join(directory, "package.json");
  if (!existsSync(manifest))
    throw new Error(`${packageName} is missing: run node pkg/scripts/setup.mjs first`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  return join(directory, bin[command]);
}

/** The version of a crate in Cargo.lock. */
export function lockedVersion(crate) {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const version = lock.match(new RegExp(`name = "${crate}"\\r?\\nversion = "([^"]+)"`))?.[1];
  if (!version) throw new Error(`Cargo.lock does not name ${crate}`);
  return version;
}

/** The channel, components and targets of rust-toolchain.toml. */
export function readToolchain() {
  const text = readFileSync(join(root, "rust-toolchain.toml"), "utf8");
  const list = (key) =>
    [
      ...(text.match(new RegExp(`^${key}\\s*=\\s*\\[([^\\]]*)\\]`, "m"))?.[1] ?? "").matchAll(/"([^"]+)"/g),
    ].map((found) => found[1]);
  const channel = text.match(/^channel\s*=\s*"([^"]+)"/m)?.[1];
  if (!channel) throw new Error("rust-toolchain.toml names no channel");
  return { channel, components: list("components"), targets: list("targets") };
}

/** The families of operators that a build can do without: those of Cargo.toml's feature `operators`. */
export function readFamilies() {
  const manifest = readFileSync(join(root, "Cargo.toml"), "utf8");
  const list = manifest.match(/^operators = \[([^\]]*)\]/m)?.[1];
  if (!list) throw new Error("Cargo.toml has no feature called operators");
  return [...list.matchAll(/"([^"]+)"/g)].map((found) => found[1]);
}

/** Whether a module is the one that node was started with. */
export function isMain(url) {
  // Through links, which node resolves in `url` and not in its arguments.
  return process.argv[1] !== undefined && url === pathToFileURL(realpathSync(process.argv[1])).href;
}
