/**
 * `npm run zoo -- DIR [case ...] [--tolerance 1e-3] [--rival [--save]]`: runs the models of a folder through the packed
 * package and compares what they give with their references. A case is a folder with model.onnx, inputs*.npz, outputs*.npz
 * and meta.json. Each runs in a process of its own, so that a crash costs one line. The exit code is 1 when a case is wrong.
 *
 * `--rival` runs onnxruntime-web beside it, with one thread: in the same process, in turns, for the times, and once more in
 * a process of its own for the memory. `--save` keeps what onnxruntime-web is off by in rival-errors.json, where
 * that is more than the tolerance of int8 and float16 cases; it is their tolerance from then on.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { geometricMean } from "../bench/measurement.js";
import { runChild } from "./child.mjs";
import { installPacked } from "./packed.mjs";
import { printRow, printTitles } from "./table.mjs";
import { installRival, rivalVersion } from "./zoo/engines.mjs";
import { coarse } from "./zoo/reference.mjs";

const caseScript = fileURLToPath(new URL("./zoo-case.mjs", import.meta.url));
const errorsPath = fileURLToPath(new URL("./rival-errors.json", import.meta.url));

const ms = (digits) => (value) => value?.toFixed(digits) ?? "-";

/** @type {(engine: "own" | "rival") => Column[]} */
const measured = (engine) => [
  ["error", 10, (result) => (result[engine]?.isMeasured ? result[engine].error.toExponential(1) : "-")],
  ["load ms", 9, (result) => ms(0)(result[engine]?.load)],
  ["first ms", 10, (result) => ms(1)(result[engine]?.first)],
  ["later ms", 10, (result) => ms(2)(result[engine]?.later)],
  ["least ms", 10, (result) => ms(2)(result[engine]?.least)],
  ["peak MB", 9, (result) => ms(0)(result[engine]?.peak)],
];
/** @typedef {import("./table.mjs").Column} Column */

const tell = (engine) => (result) => {
  const faults = result[engine]?.faults ?? [];
  if (faults.length === 0) return "ok";
  return faults.some((fault) => fault.startsWith("failed")) ? "FAILED" : "WRONG";
};
/** @type {Column[]} */
const ownColumns = [["case", 32, ({ name }) => name], ["result", 8, tell("own")], ...measured("own")];
/** @type {Column[]} */
const rivalColumns = [
  ["rival", 10, tell("rival")],
  ...measured("rival"),
  ["ratio", 8, ({ own, rival }) => ms(2)(ratioOf(own, rival, "later"))],
];

/** Runs the cases and prints the table; the results. */
function runZoo(directories, { tolerance, isRivalled, known }) {
  const packed = installPacked();
  const columns = isRivalled ? [...ownColumns, ...rivalColumns] : ownColumns;
  try {
    printTitles(columns);
    return directories.map((directory) => {
      const name = basename(directory);
      const options = { packed: packed.directory, tolerance, slack: known[name] ?? 0, isBrief: false };
      /** @type {any} */
      const result = { name, ...(isRivalled ? compareCase : runCase)(directory, options) };
      printRow(columns, result);
      for (const fault of result.own.faults) console.log(`    ${fault}`);
      for (const fault of result.rival?.faults ?? []) console.log(`    rival: ${fault}`);
      return result;
    });
  } finally {
    packed.remove();
  }
}

function runCase(directory, options) {
  const { own, isCoarse, peak } = runOne(directory, { ...options, engines: ["own"] });
  return { own: { ...own, peak }, isCoarse };
}

function compareCase(directory, options) {
  const both = runOne(directory, { ...options, slack: 0, engines: ["own", "rival"] });
  const measurePeak = (engine) => runOne(directory, { ...options, engines: [engine], isBrief: true }).peak;
  return {
    own: { ...both.own, peak: measurePeak("own") },
    rival: { ...both.rival, peak: measurePeak("rival") },
    isCoarse: both.isCoarse,
  };
}

/** The report of a process; where there is none, every engine has the fault that ended it. */
function runOne(directory, options) {
  const { report, fault } = runChild(caseScript, [directory, JSON.stringify(options)]);
  return (
    report ?? Object.fromEntries(options.engines.map((engine) => [engine, { faults: [`failed: ${fault}`] }]))
  );
}

/** onnxruntime-web's number over ours: above 1, ours is the smaller. */
function ratioOf(own, rival, key) {
  return own?.[key] > 0 && rival?.[key] > 0 ? rival[key] / own[key] : undefined;
}

function printMeans(results) {
  console.log("\nonnxruntime-web's over Edgewise's, geometric mean (above 1: Edgewise takes less):");
  for (const key of ["load", "first", "later", "least", "peak"]) {
    const ratios = results.map(({ own, rival }) => ratioOf(own, rival, key)).filter((ratio) => ratio);
    console.log(`  ${key.padEnd(6)} ${geometricMean(ratios).toFixed(2)} over ${ratios.length} cases`);
  }
  const right = results.filter(({ rival }) => rival.faults.length === 0).length;
  console.log(`rival: onnxruntime-web ${rivalVersion} gets ${right} of ${results.length} right`);
}

function readErrors() {
  return existsSync(errorsPath) ? JSON.parse(readFileSync(errorsPath, "utf8")).errors : {};
}

/** Cases that were not run keep what was known of them. */
function saveErrors(results, known) {
  const errors = { ...known };
  for (const { name, rival, isCoarse } of results) {
    delete errors[name];
    if (isCoarse && rival.isMeasured && rival.error > coarse)
      errors[name] = Number(rival.error.toPrecision(4));
  }
  const sorted = Object.fromEntries(Object.entries(errors).sort(([a], [b]) => (a < b ? -1 : 1)));
  const content = { "onnxruntime-web": rivalVersion, errors: sorted };
  writeFileSync(errorsPath, `${JSON.stringify(content, null, 2)}\n`);
}

function listCases(parent, names) {
  if (existsSync(join(parent, "model.onnx"))) return [resolve(parent)];
  const all = readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(parent, entry.name, "model.onnx")))
    .map((entry) => entry.name)
    .sort();
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) throw new Error(`${parent} holds no case ${unknown}; it holds ${all.join(", ")}`);
  return (names.length > 0 ? names : all).map((name) => resolve(parent, name));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tolerance: { type: "string", default: "0" },
    rival: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
  },
});
const [parent, ...names] = positionals;
if (!parent || (values.save && !values.rival)) {
  console.error("usage: npm run zoo -- DIR [case ...] [--tolerance 1e-3] [--rival [--save]]");
  process.exit(2);
}
const cases = listCases(parent, names);
if (cases.length === 0) {
  console.error(`zoo: ${parent} holds no case`);
  process.exit(2);
}
if (values.rival) installRival();
const known = readErrors();
const results = runZoo(cases, { tolerance: Number(values.tolerance), isRivalled: values.rival, known });
if (values.rival) printMeans(results);
if (values.save) saveErrors(results, known);
const wrong = results.filter(({ own }) => own.faults.length > 0).length;
console.log(`\nzoo: ${results.length - wrong} of ${results.length} cases are right`);
process.exitCode = wrong > 0 ? 1 : 0;
