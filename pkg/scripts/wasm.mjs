/** Builds pkg/wasm from the Rust sources with wasm-pack, unless it was already built from these very sources. */

import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, sep } from "node:path";
import { cargoHome, root, run, targetDir, wasmDir } from "./workspace.mjs";

const outputs = ["edgewise_bg.wasm", "edgewise.js", "edgewise.d.ts"];
const stampPath = join(targetDir, "wasm.stamp");

const wasmPackArgs = [
  ...["build", "--release", "--target", "web", "--out-dir", "pkg/wasm"],
  // Else wasm-pack writes a package.json and a .gitignore of `*`, which makes `npm pack` leave the wasm out in silence.
  ...["--no-pack", "--no-gitignore"],
  ...["--mode", "no-install", "--", "--locked"],
];

const rustFlags = [
  "-Ctarget-feature=+simd128",
  // The default of 1 MiB is too little for deep graphs.
  "-Clink-arg=-zstack-size=4194304",
];

/** The flags of every build and check for wasm32; encoded, since plain RUSTFLAGS cannot hold a path with a space. */
export const wasmEnv = { CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...hidePaths()].join("\x1f") };

/** Panic messages name source files; without this they would name folders of whoever built the package. */
function hidePaths() {
  const registries = join(cargoHome, "registry", "src");
  const folders = existsSync(registries) ? readdirSync(registries).sort() : [];
  // The last that fits is taken, and so a crate's files become plain `name-version/src/...`.
  const hidden = [root, targetDir, registries, ...folders.map((name) => join(registries, name))];
  return hidden.map((path) => `--remap-path-prefix=${path.endsWith(sep) ? path : path + sep}=`);
}

/** Whether it had to build. */
export function buildWasm() {
  if (isFresh()) return false;
  rmSync(wasmDir, { recursive: true, force: true });
  run("wasm-pack", wasmPackArgs, { env: wasmEnv });
  // Declares the module's raw exports, and so would stand in the way of `import wasm from "./edgewise_bg.wasm"`.
  for (const name of readdirSync(wasmDir)) {
    if (!outputs.includes(name)) rmSync(join(wasmDir, name));
  }
  addRestart(join(wasmDir, "edgewise.js"));
  mkdirSync(targetDir, { recursive: true });
  writeFileSync(stampPath, hash([...listInputs(), ...listOutputs()]));
  return true;
}

/**
 * wasm-bindgen's own restart instantiates synchronously, which Chromium refuses on the main thread above 8 MB.
 * It is written in terms of the generated module's own functions, of the exact version that Cargo.toml pins.
 */
function addRestart(path) {
  const glue = readFileSync(path, "utf8");
  for (const name of [
    "__wbg_instance_id",
    "__wbg_finalize_init(instance, module)",
    "__wbg_get_imports()",
    "wasmModule",
  ]) {
    if (!glue.includes(name))
      throw new Error(`the glue that wasm-bindgen wrote has no ${name}: see addRestart`);
  }
  writeFileSync(path, `${glue}${restart}`);
  appendFileSync(path.replace(/js$/, "d.ts"), "\nexport function restart(): Promise<void>;\n");
}

const restart = `
/** Replaces an instance that has trapped; what belongs to it can no longer be called. */
export async function restart() {
    const instance = await WebAssembly.instantiate(wasmModule, __wbg_get_imports());
    __wbg_instance_id++;
    __wbg_finalize_init(instance, wasmModule);
}
`;

function isFresh() {
  if (!existsSync(stampPath) || !listOutputs().every((path) => existsSync(path))) return false;
  return readFileSync(stampPath, "utf8") === hash([...listInputs(), ...listOutputs()]);
}

function listInputs() {
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const manifests = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"].map((name) => join(root, name));
  return [...sources.sort(), ...manifests];
}

function listOutputs() {
  return outputs.map((name) => join(wasmDir, name));
}

function hash(paths) {
  const sum = createHash("sha256").update(JSON.stringify([wasmPackArgs, rustFlags, restart]));
  for (const path of paths)
    sum.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return sum.digest("hex");
}
