/** The package as a user gets it: `npm pack`, installed into a folder of its own. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ask, pkgDir, run } from "../pkg/scripts/workspace.mjs";

/** Resolves to the folder that has it in node_modules, and a function that removes the folder. */
export function installPacked() {
  const directory = mkdtempSync(join(tmpdir(), "edgewise-packed-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const { name, version } = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
  const tarball = join(directory, `${name}-${version}.tgz`);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }));
  // What was changed since the last build, the wasm by itself say, is packed too.
  run(process.execPath, ["pkg/scripts/dist.mjs"]);
  runNpm(["pack", pkgDir, "--pack-destination", directory]);
  runNpm(["install", tarball, "--prefix", directory, "--no-audit", "--no-fund", "--offline"]);
  return { directory, tarball, installed: join(directory, "node_modules", name), remove };
}

/** Imports the package, or a subpath of it, from the folder that `installPacked` made. */
export function importPacked(directory, specifier = "edgewise") {
  return import(pathToFileURL(createRequire(join(directory, "package.json")).resolve(specifier)).href);
}

function runNpm(args) {
  if (ask("npm", args) === undefined) throw new Error(`npm ${args.join(" ")} failed`);
}
