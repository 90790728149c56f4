/** Leaves pkg/ ready for `npm pack`: the wasm, the type declarations, the README and licences; then prints the sizes. */

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setUp } from "./setup.mjs";
import { buildWasm } from "./wasm.mjs";
import { findCommand, isMain, pkgDir, root, run } from "./workspace.mjs";

const packageTexts = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

export async function build() {
  await setUp();
  console.log(buildWasm() ? "build: pkg/wasm is built" : "build: pkg/wasm is up to date");
  declareTypes();
  for (const name of packageTexts) copyFileSync(join(root, name), join(pkgDir, name));
  // Only now, since it needs npm packages that the set-up may have just installed.
  const { printSizes } = await import("./size.mjs");
  await printSizes();
}

/** From the JSDoc of the sources, so that they cannot drift apart. */
function declareTypes() {
  rmSync(join(pkgDir, "types"), { recursive: true, force: true });
  run(process.execPath, [findCommand("typescript", "tsc"), "-p", "pkg/tsconfig.json"]);
}

if (isMain(import.meta.url)) {
  try {
    await build();
  } catch (error) {
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}
