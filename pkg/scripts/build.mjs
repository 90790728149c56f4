/**
 * Leaves pkg/ ready for `npm pack`: the wasm, the scripts, the types, the README and licences; then prints the sizes.
 * `--features ml,text` builds with these families of operators alone: docs/smaller-builds.md.
 */

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setUp } from "./setup.mjs";
import { buildWasm } from "./wasm.mjs";
import { findCommand, isMain, pkgDir, root, run } from "./workspace.mjs";

const packageTexts = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/** @param {{ features?: string[] }} [options] the families of operators that are wanted, where not all are */
export async function build(options) {
  await setUp();
  console.log(buildWasm(options) ? "build: pkg/wasm is built" : "build: pkg/wasm is up to date");
  declareTypes();
  for (const name of packageTexts) copyFileSync(join(root, name), join(pkgDir, name));
  // Only now, since these need npm packages that the set-up may have just installed.
  const [{ writeDist }, { printSizes }] = await Promise.all([import("./dist.mjs"), import("./size.mjs")]);
  await writeDist();
  await printSizes();
}

/** From the JSDoc of the sources, so that they cannot drift apart. */
function declareTypes() {
  rmSync(join(pkgDir, "types"), { recursive: true, force: true });
  run(process.execPath, [findCommand("typescript", "tsc"), "-p", "pkg/tsconfig.json"]);
}

if (isMain(import.meta.url)) {
  try {
    const { features } = parseArgs({ options: { features: { type: "string" } } }).values;
    await build({ features: features?.split(",").filter(Boolean) });
  } catch (error) {
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}
