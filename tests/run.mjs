/**
 * `npm test`: every stage in order, until one fails, with the seconds that each took. Stages named on the command line
 * run alone: `npm test -- native js`.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findCommand, readFamilies, root, run, targetDir } from "../pkg/scripts/workspace.mjs";

const suites = ["node", "packaging", "workerd", "browser", "demo"];

const stages = {
  setup: () => run(process.execPath, ["pkg/scripts/setup.mjs", "--test"]),
  style: checkStyle,
  build: () => run(process.execPath, ["pkg/scripts/build.mjs"]),
  types: checkTypes,
  clippy: checkRust,
  native: () => run("cargo", ["test", "--locked", "--all-features"]),
  js: runSuites,
  size: () => run(process.execPath, ["pkg/scripts/size.mjs"]),
};

function checkStyle() {
  run(process.execPath, [findCommand("@biomejs/biome", "biome"), "check", "--error-on-warnings"]);
  run("cargo", ["fmt", "--check"]);
}

function checkTypes() {
  const tsc = findCommand("typescript", "tsc");
  run(process.execPath, [tsc, "-p", "pkg/tsconfig.json", "--outDir", join(targetDir, "types")]);
  for (const project of [".", "www", "www/worker", "www/bench"]) run(process.execPath, [tsc, "-p", project]);
}

function checkRust() {
  const deny = ["--", "-D", "warnings"];
  run("cargo", ["clippy", "--locked", "--all-targets", "--all-features", ...deny]);
  run("cargo", ["clippy", "--locked", "--lib", "--target", "wasm32-unknown-unknown", ...deny], {
    env: { RUSTFLAGS: "-Ctarget-feature=+simd128" },
  });
  for (const family of ["", ...readFamilies()])
    run("cargo", ["clippy", "--locked", "--lib", "--no-default-features", "--features", family, ...deny]);
}

function runSuites() {
  const found = Object.fromEntries(suites.map((suite) => [suite, listTests(join("tests", suite))]));
  run(process.execPath, ["pkg/scripts/dist.mjs"]);
  const missing = suites.find((suite) => found[suite].length === 0);
  if (missing) throw new Error(`tests/${missing} holds no test`);
  runTests(Object.values(found).flat());
  // What the first run did not: Node 20 chooses the plain binary, later versions the relaxed one.
  const other = process.versions.node.startsWith("20.") ? "relaxed" : "simd128";
  // These tests choose how the engine starts.
  const chosen = found.node.filter((path) => !/(?:binaries|engine)\.test/.test(path));
  for (const binary of [other, "threads"]) {
    console.log(`\ntest: once more, with the binary ${binary}`);
    runTests(chosen, {
      EDGEWISE_BINARY: binary,
      NODE_OPTIONS: `--import=${new URL("binary.mjs", import.meta.url)}`,
    });
  }
}

function runTests(files, env = {}) {
  run(process.execPath, ["--test", "--test-reporter=spec", "--test-timeout=600000", ...files], { env });
}

/** File by file, since Node 20 and 22 disagree on what a folder or a pattern after --test means. */
function listTests(directory) {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.test\.m?js$/.test(name) && !name.includes("node_modules"))
    .map((name) => join(directory, name))
    .sort();
}

function runStages(names) {
  const seconds = [];
  for (const name of names) {
    console.log(`\n==> ${name}`);
    const start = performance.now();
    try {
      stages[name]();
    } catch (error) {
      console.error(`\ntest: ${name} failed after ${secondsSince(start)} s: ${error.message}`);
      return 1;
    }
    seconds.push([name, secondsSince(start)]);
    console.log(`test: ${name} passed in ${secondsSince(start)} s`);
  }
  console.log(`\ntest: all passed (${seconds.map(([name, time]) => `${name} ${time} s`).join(", ")})`);
  return 0;
}

function secondsSince(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in stages));
if (unknown) {
  console.error(`test: there is no stage ${unknown}; there are ${Object.keys(stages).join(", ")}`);
  process.exit(2);
}
process.exitCode = runStages(asked.length > 0 ? asked : Object.keys(stages));
