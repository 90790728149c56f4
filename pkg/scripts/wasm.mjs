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
import { ask, cargoHome, root, run, targetDir, wasmDir } from "./workspace.mjs";

const outputs = ["edgewise_bg.wasm", "edgewise.js", "edgewise.d.ts"];
const stampPath = join(targetDir, "wasm.stamp");

const wasmPackArgs = [
  ...["build", "--release", "--target", "web", "--out-dir", "pkg/wasm"],
  // Else wasm-pack writes a package.json and a .gitignore of `*`, which makes `npm pack` leave the wasm out in silence.
  ...["--no-pack", "--no-gitignore"],
  ...["--mode", "no-install", "--", "--locked"],
  // The standard library that comes for wasm32 aborts at a panic, and cannot be told otherwise.
  "-Zbuild-std=std,panic_unwind",
];

const rustFlags = [
  "-Ctarget-feature=+simd128",
  // A panic must be an error, and not the end of the instance.
  "-Cpanic=unwind",
  // The default of 1 MiB is too little for deep graphs.
  "-Clink-arg=-zstack-size=4194304",
];

/** The flags of a build for wasm32; encoded, since plain RUSTFLAGS cannot hold a path with a space. */
function buildEnv() {
  return {
    CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...hidePaths()].join("\x1f"),
    // build-std is not stable; the toolchain is pinned, so that it cannot change under us.
    RUSTC_BOOTSTRAP: "1",
  };
}

/** Panic messages name source files; without this they would name folders of whoever built the package. */
function hidePaths() {
  const registries = join(cargoHome, "registry", "src");
  const folders = existsSync(registries) ? readdirSync(registries).sort() : [];
  // The last that fits is taken, and so a crate's files become plain `name-version/src/...`.
  const library = join(ask("rustc", ["--print", "sysroot"])?.trim() ?? "", "lib", "rustlib", "src", "rust");
  const hidden = [library, root, targetDir, registries, ...folders.map((name) => join(registries, name))];
  return hidden.map((path) => `--remap-path-prefix=${path.endsWith(sep) ? path : path + sep}=`);
}

/** Whether it had to build. */
export function buildWasm() {
  if (isFresh()) return false;
  rmSync(wasmDir, { recursive: true, force: true });
  run("wasm-pack", wasmPackArgs, { env: buildEnv() });
  removeNames(join(wasmDir, "edgewise_bg.wasm"));
  // Declares the module's raw exports, and so would stand in the way of `import wasm from "./edgewise_bg.wasm"`.
  for (const name of readdirSync(wasmDir)) {
    if (!outputs.includes(name)) rmSync(join(wasmDir, name));
  }
  addInstantiate(join(wasmDir, "edgewise.js"));
  mkdirSync(targetDir, { recursive: true });
  writeFileSync(stampPath, hash([...listInputs(), ...listOutputs()]));
  return true;
}

/**
 * Removes the custom section that names functions, half of the module's size. Cargo's `strip = true` would also remove
 * target_features. Format: https://webassembly.github.io/spec/core/binary/modules.html
 */
function removeNames(path) {
  const bytes = readFileSync(path);
  const kept = [bytes.subarray(0, 8)];
  for (let start = 8; start < bytes.length; ) {
    const [size, body] = readLeb(bytes, start + 1);
    const [nameLength, name] = readLeb(bytes, body);
    const isNames = bytes[start] === 0 && bytes.toString("utf8", name, name + nameLength) === "name";
    if (!isNames) kept.push(bytes.subarray(start, body + size));
    start = body + size;
  }
  writeFileSync(path, Buffer.concat(kept));
}

/** An unsigned LEB128 number and the position after it. */
function readLeb(bytes, position) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[position++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, position];
  }
}

/**
 * wasm-bindgen starts its module in one place and restarts it in another: synchronously, which Chromium refuses on the
 * main thread above 8 MB. What is added here does both. It is written in terms of the generated module's own functions,
 * of the exact version that Cargo.toml pins.
 */
function addInstantiate(path) {
  const glue = readFileSync(path, "utf8");
  for (const name of ["__wbg_instance_id", "__wbg_finalize_init(instance, module)", "__wbg_get_imports()"]) {
    if (!glue.includes(name))
      throw new Error(`the glue that wasm-bindgen wrote has no ${name}: see addInstantiate`);
  }
  writeFileSync(path, `${glue}${instantiate}`);
  appendFileSync(
    path.replace(/js$/, "d.ts"),
    "\nexport function instantiate(module: WebAssembly.Module): Promise<void>;\n",
  );
}

const instantiate = `
/** Starts the module, or replaces an instance that has trapped: what belongs to it can no longer be called. */
export async function instantiate(module) {
    const instance = await WebAssembly.instantiate(module, __wbg_get_imports());
    __wbg_instance_id++;
    __wbg_finalize_init(instance, module);
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
  const sum = createHash("sha256").update(
    JSON.stringify([wasmPackArgs, rustFlags, instantiate, removeNames.toString()]),
  );
  for (const path of paths)
    sum.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return sum.digest("hex");
}
