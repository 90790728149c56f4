/** Builds pkg/wasm from the Rust sources with wasm-pack, unless it was already built from these very sources. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { listInstructions, listSections, opcodes, readLeb } from "./instructions.mjs";
import { ask, cargoHome, root, run, targetDir, wasmDir } from "./workspace.mjs";

/**
 * The binaries, of which a program loads one. `own` are flags for this crate alone, so that a binary shares all it depends on
 * with the one before; `all` are for everything, the standard library too.
 */
const binaries = [
  { name: "edgewise", own: [], all: [] },
  { name: "edgewise_relaxed", own: ["-Ctarget-feature=+relaxed-simd"], all: [] },
  {
    name: "edgewise_threads",
    own: ["-Ctarget-feature=+relaxed-simd"],
    all: [
      "-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals",
      // Without these the memory is not shared, without a word. What is exported is what wasm-bindgen starts threads with.
      ...["--shared-memory", "--import-memory", "--max-memory=4294967296"],
      ...["heap_base", "wasm_init_tls", "tls_size", "tls_align", "tls_base"].map(
        (name) => `--export=__${name}`,
      ),
    ].map((flag) => (flag.startsWith("-C") ? flag : `-Clink-arg=${flag}`)),
  },
];

const glue = ["edgewise.js", "edgewise.d.ts"];
const outputs = [...binaries.map(({ name }) => `${name}_bg.wasm`), ...glue];
const stampPath = join(targetDir, "wasm.stamp");

const wasmPackArgs = [
  ...["build", "--release", "--target", "web", "--out-name", "edgewise"],
  // Else wasm-pack writes a package.json and a .gitignore of `*`, which makes `npm pack` leave the wasm out in silence.
  ...["--no-pack", "--no-gitignore", "--mode", "no-install"],
];

const cargoArgs = [
  "--locked",
  // The standard library that comes for wasm32 aborts at a panic, and cannot be told otherwise.
  "-Zbuild-std=std,panic_unwind",
  "-Zprofile-rustflags",
];

const rustFlags = [
  "-Ctarget-feature=+simd128",
  // A panic must be an error, and not the end of the instance.
  "-Cpanic=unwind",
  // The default of 1 MiB is too little for deep graphs.
  "-Clink-arg=-zstack-size=4194304",
];

/** The flags of a build for wasm32; encoded, since plain RUSTFLAGS cannot hold a path with a space. */
function buildEnv({ all }) {
  return {
    // Cargo tells builds of other flags apart, but for those that hide paths: it would build everything again each time.
    CARGO_TARGET_DIR: all.length > 0 ? join(targetDir, "threads") : targetDir,
    CARGO_ENCODED_RUSTFLAGS: [...rustFlags, ...all, ...hidePaths()].join("\x1f"),
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

/**
 * Whether it had to build.
 * @param {{ features?: string[] }} [options] features: those of Cargo.toml that are wanted, in place of the default
 */
export function buildWasm({ features } = {}) {
  if (isFresh(features)) return false;
  rmSync(wasmDir, { recursive: true, force: true });
  mkdirSync(wasmDir, { recursive: true });
  for (const binary of binaries)
    writeFileSync(join(wasmDir, `${binary.name}_bg.wasm`), buildBinary(binary, features));
  writeGlue();
  mkdirSync(targetDir, { recursive: true });
  writeFileSync(stampPath, hash([...listInputs(), ...listOutputs()], features));
  return true;
}

/** The bytes of the plain binary, and of no other, with these features. */
export const buildPlain = (features) => buildBinary(binaries[0], features);

function buildBinary(binary, features) {
  const directory = join(targetDir, "wasm-pack", binary.name);
  const own = `profile.release.package.edgewise.rustflags=${JSON.stringify(binary.own)}`;
  const args = [...wasmPackArgs, "--out-dir", directory, "--", ...cargoArgs, "--config", own];
  if (features) args.push("--no-default-features", "--features", features.join());
  run("wasm-pack", args, { env: buildEnv(binary) });
  const bytes = removeNames(readFileSync(join(directory, "edgewise_bg.wasm")));
  keepNan(bytes);
  return bytes;
}

/**
 * The glue of the binary with threads does for all of them, so that there is one: but for the memory they import the same.
 * `instantiate` takes the place of its own ways to start.
 */
function writeGlue() {
  const [{ name }] = binaries.slice(-1);
  const read = (binary, file) => readFileSync(join(targetDir, "wasm-pack", binary, file), "utf8");
  const imports = (glue) =>
    glue.slice(glue.indexOf("const import0"), glue.indexOf("__wbindgen_jstag:")).replace(memoryImport, "");
  const shared = read(name, "edgewise.js");
  const other = binaries.find((binary) => imports(read(binary.name, "edgewise.js")) !== imports(shared));
  if (other)
    throw new Error(
      `${other.name} imports other functions than ${name}: compare what is in ${join(targetDir, "wasm-pack")}`,
    );
  const [, pages] = shared.match(memoryImport) ?? [];
  const parts = [
    ownStart,
    "__wbg_instance_id",
    "__wbg_finalize_init(instance, module",
    "__wbg_get_imports(memory)",
  ];
  const missing = pages ? parts.find((part) => !shared.includes(part)) : "memory";
  if (missing) throw new Error(`the glue that wasm-bindgen wrote has no ${missing}: see writeGlue`);
  const glue = shared
    .slice(0, shared.indexOf(ownStart))
    .replace(memoryImport, "        ...(memory && { memory }),\n");
  const types = read(name, "edgewise.d.ts");
  writeFileSync(
    join(wasmDir, "edgewise.js"),
    `${glue}${instantiate}\nexport const sharedPages = ${pages};\n`,
  );
  writeFileSync(
    join(wasmDir, "edgewise.d.ts"),
    `${types.slice(0, types.indexOf("export type InitInput"))}${instantiateType}`,
  );
}

const ownStart = "async function __wbg_load(";
const memoryImport =
  /^ *memory: memory \|\| new WebAssembly\.Memory\(\{initial:(\d+),maximum:\d+,shared:true\}\),\n/m;

/**
 * wasm-bindgen starts its module in one place and restarts it in another: synchronously, which Chromium refuses on the
 * main thread above 8 MB. This does both. It is written in terms of the generated module's own functions, of the exact
 * version that Cargo.toml pins.
 */
const instantiate = `
/** Starts the module, or replaces an instance that has trapped: what belongs to it can no longer be called. */
export async function instantiate(module, memory) {
    const instance = await WebAssembly.instantiate(module, __wbg_get_imports(memory));
    __wbg_instance_id++;
    __wbg_finalize_init(instance, module);
}
`;

const instantiateType = `
export function instantiate(module: WebAssembly.Module, memory?: WebAssembly.Memory): Promise<void>;
/** The pages of memory that threads share at the start. */
export const sharedPages: number;
`;

/**
 * Removes the custom section that names functions, half of the module's size. Cargo's `strip = true` would also remove
 * target_features. Format: https://webassembly.github.io/spec/core/binary/modules.html
 */
function removeNames(bytes) {
  const kept = [bytes.subarray(0, 8)];
  for (const { id, start, body, end } of listSections(bytes)) {
    const [nameLength, name] = readLeb(bytes, body);
    const isNames = id === 0 && bytes.toString("utf8", name, name + nameLength) === "name";
    if (!isNames) kept.push(bytes.subarray(start, end));
  }
  return Buffer.concat(kept);
}

/**
 * Where it may, LLVM writes a relaxed minimum or maximum for a pseudo-minimum or -maximum, which loses NaN on x86. The
 * instructions that it was asked for are as long.
 */
function keepNan(bytes) {
  for (const { opcode, position } of listInstructions(bytes)) {
    const exact = exactOpcodes.get(opcode);
    if (exact) bytes.set([exact >> 16, (exact & 0x7f) | 0x80, (exact & 0xffff) >> 7], position);
  }
}

const exactOpcodes = new Map(
  ["f32x4", "f64x2"].flatMap((type) => [
    [opcodes[`${type}.relaxed_min`], opcodes[`${type}.pmin`]],
    [opcodes[`${type}.relaxed_max`], opcodes[`${type}.pmax`]],
  ]),
);

function isFresh(features) {
  if (!existsSync(stampPath) || !listOutputs().every((path) => existsSync(path))) return false;
  return readFileSync(stampPath, "utf8") === hash([...listInputs(), ...listOutputs()], features);
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

function hash(paths, features = ["default"]) {
  const sum = createHash("sha256").update(
    JSON.stringify([
      binaries,
      wasmPackArgs,
      cargoArgs,
      rustFlags,
      features,
      instantiate,
      writeGlue.toString(),
      removeNames.toString(),
      keepNan.toString(),
    ]),
  );
  for (const path of paths)
    sum.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return sum.digest("hex");
}
