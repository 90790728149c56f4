/**
 * `npm run conformance -- FOLDER [--rival]`: runs the ONNX backend node tests (a folder of folders, each with a model.onnx;
 * FOLDER, or EDGEWISE_NODE_TESTS) natively and as WebAssembly through the package, and with --rival in onnxruntime-web too, holds
 * the results against tests/native/conformance.txt, and writes docs/operators.md.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../pkg/scripts/build.mjs";
import { root, run, targetDir } from "../pkg/scripts/workspace.mjs";
import { writeTable } from "./conformance/table.mjs";
import { installPacked } from "./packed.mjs";
import { installRival, rivalVersion } from "./zoo/engines.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rival: { type: "boolean", default: false } },
});
const folder = positionals[0] ?? process.env.EDGEWISE_NODE_TESTS;
if (!folder || !existsSync(folder)) {
  console.error("conformance: name the folder of the ONNX node tests: npm run conformance -- FOLDER");
  process.exit(2);
}

const names = readdirSync(folder)
  .filter((name) => existsSync(join(folder, name, "model.onnx")))
  .sort();
const report = join(targetDir, "conformance.txt");
mkdirSync(targetDir, { recursive: true });
run(
  "cargo",
  [
    ...["test", "--locked", "--all-features", "--test", "native"],
    ...["--", "--ignored", "--nocapture", "node_tests"],
  ],
  { env: { EDGEWISE_NODE_TESTS: resolve(folder), EDGEWISE_ONLY: "", EDGEWISE_REPORT: report } },
);
writeFileSync(join(root, "docs", "operators.md"), writeTable(readFileSync(report, "utf8")));

await build();
const packed = installPacked();
try {
  checkResults(runCases("own", packed.directory));
} finally {
  packed.remove();
}
if (options.rival) {
  installRival();
  runCases(`rival`, "");
}

/** Runs all cases in one process, prints how many pass, and gives the results. */
function runCases(engine, directory) {
  const list = join(targetDir, "conformance-cases.json");
  writeFileSync(list, JSON.stringify(names.map((name) => resolve(folder, name))));
  const child = join(root, "tests", "conformance", "child.mjs");
  const { stdout, status } = spawnSync(process.execPath, [child, engine, directory, list], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", engine === "own" ? "inherit" : "ignore"],
  });
  const results = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  const passed = results.filter(({ result }) => result === "passed").length;
  const title = engine === "own" ? "Edgewise, WebAssembly" : `onnxruntime-web ${rivalVersion}`;
  console.log(`conformance: ${title}: ${passed} of ${names.length} node tests pass`);
  if (status !== 0 || results.length !== names.length)
    console.log(`conformance: ${title}: ended after ${results.length} cases`);
  return results;
}

/** What fails as WebAssembly must be what fails natively, and what needs a decoder that the package leaves out. */
function checkResults(results) {
  const listed = readFileSync(join(root, "tests", "native", "conformance.txt"), "utf8").split("\n");
  const known = new Set(listed.filter((line) => line && !line.startsWith("#")));
  const isExpected = ({ name, result, why }) =>
    result === "passed" ? !known.has(name) : known.has(name) || /not supported: ImageDecoder /.test(why);
  const unexpected = results.filter((report) => !isExpected(report));
  for (const { name, result, why } of unexpected)
    console.error(`conformance: ${name}: ${result} ${why ?? ""}`);
  if (unexpected.length > 0 || results.length !== names.length) process.exitCode = 1;
}
