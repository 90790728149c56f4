/**
 * `npm run zoo -- DIR [case ...] [--tolerance 1e-3]`: runs the models of a folder through the packed package and compares
 * what they give with their references. A case is a folder with model.onnx, inputs*.npz, outputs*.npz and meta.json. Each
 * runs in a process of its own, so that a crash costs one line. The exit code is 1 when a case is wrong.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPacked } from "./packed.mjs";

const caseScript = fileURLToPath(new URL("./zoo-case.mjs", import.meta.url));
const minutes = 5;

/** @type {[title: string, width: number, show: (result: any) => string][]} */
const columns = [
  ["case", 34, ({ name }) => name],
  ["result", 8, ({ faults }) => (faults.length === 0 ? "ok" : "WRONG")],
  ["error", 10, ({ error }) => error?.toExponential(1) ?? "-"],
  ["load ms", 10, ({ load }) => load?.toFixed(0) ?? "-"],
  ["first ms", 10, ({ first }) => first?.toFixed(1) ?? "-"],
  ["later ms", 10, ({ later }) => later?.toFixed(1) ?? "-"],
  ["peak MB", 9, ({ peak }) => peak?.toFixed(0) ?? "-"],
];

/** Runs the cases and prints the table; the number of wrong ones. */
function runZoo(directories, tolerance) {
  const packed = installPacked();
  try {
    printRow(columns.map(([title]) => title));
    const results = directories.map((directory) => {
      const result = { name: basename(directory), ...runCase(packed.directory, directory, tolerance) };
      printRow(columns.map(([, , show]) => show(result)));
      for (const fault of result.faults) console.log(`    ${fault}`);
      return result;
    });
    const wrong = results.filter(({ faults }) => faults.length > 0).length;
    console.log(`\nzoo: ${results.length - wrong} of ${results.length} cases are right`);
    return wrong;
  } finally {
    packed.remove();
  }
}

function runCase(packedDirectory, directory, tolerance) {
  const child = spawnSync(process.execPath, [caseScript, packedDirectory, directory, tolerance], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: minutes * 60_000,
  });
  if (child.signal === "SIGTERM") return { faults: [`took more than ${minutes} minutes`] };
  const report = child.stdout?.trim().split("\n").at(-1);
  if (child.status === 0 && report) return JSON.parse(report);
  const reason = child.stderr?.trim().split("\n").slice(-4).join(" | ");
  return { faults: [`ended with ${child.signal ?? `exit code ${child.status}`}: ${reason}`] };
}

function printRow(cells) {
  const padded = cells.map((cell, index) =>
    index === 0 ? cell.padEnd(34) : cell.padStart(columns[index][1]),
  );
  console.log(padded.join(""));
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
  options: { tolerance: { type: "string", default: "" } },
});
const [parent, ...names] = positionals;
if (!parent) {
  console.error("usage: npm run zoo -- DIR [case ...] [--tolerance 1e-3]");
  process.exit(2);
}
const cases = listCases(parent, names);
if (cases.length === 0) {
  console.error(`zoo: ${parent} holds no case`);
  process.exit(2);
}
process.exitCode = runZoo(cases, values.tolerance) > 0 ? 1 : 0;
