/** `npm run zoo`, the check against reference outputs: it passes what is right, and it fails what is wrong. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compareMaps, compareTensor } from "../compare.mjs";
import { Reference } from "../zoo/reference.mjs";

const zoo = fileURLToPath(new URL("../zoo.mjs", import.meta.url));
const models = fileURLToPath(new URL("../models", import.meta.url));
let broken;

before(() => {
  broken = mkdtempSync(join(tmpdir(), "edgewise-zoo-"));
  for (const name of ["swapped", "truncated"])
    cpSync(join(models, "mnist_cntk"), join(broken, name), { recursive: true });
  cpSync(join(models, "mnist_cntk", "outputs_2.npz"), join(broken, "swapped", "outputs.npz"));
  truncateSync(join(broken, "truncated", "model.onnx"), 20_000);
});

after(() => rmSync(broken, { recursive: true, force: true }));

function runZoo(...args) {
  return spawnSync(process.execPath, [zoo, ...args], { encoding: "utf8" });
}

test("right models pass", () => {
  const { status, stdout, stderr } = runZoo(models);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /3 of 3 cases are right/);
});

test("wrong numbers and a broken model fail, each with its reason", () => {
  const { status, stdout } = runZoo(broken);
  assert.equal(status, 1);
  assert.match(stdout, /swapped +WRONG/);
  assert.match(stdout, /outputs\.npz: output "Plus214_Output_0" is off by/);
  assert.match(stdout, /truncated +FAILED[^\n]*\n +failed: MODEL_INVALID: /);
  assert.match(stdout, /0 of 2 cases are right/);
});

test("a case that is not there is named", () => {
  const { status, stderr } = runZoo(models, "no_such_case");
  assert.notEqual(status, 0);
  assert.match(stderr, /holds no case no_such_case/);
});

const floats = (...values) => ({ type: "float32", dims: [values.length], data: Float32Array.from(values) });
const longs = (...values) => ({ type: "int64", dims: [values.length], data: BigInt64Array.from(values) });
const findFault = (actual, expected, options = {}) =>
  compareTensor(actual, expected, { tolerance: 1e-3, ...options }).fault ?? "none";

test("floats are compared relative to the largest reference value", () => {
  assert.equal(findFault(floats(100, 0.05), floats(100, 0)), "none");
  assert.match(findFault(floats(100, 0.2), floats(100, 0)), /off by 2\.0e-3/);
});

test("NaN equals NaN and infinity the same infinity only", () => {
  const strange = floats(NaN, Infinity, 1);
  assert.equal(findFault(strange, strange), "none");
  assert.match(findFault(floats(NaN, -Infinity, 1), strange), /1 NaN or infinite/);
  assert.match(findFault(floats(0, Infinity, 1), strange), /1 NaN or infinite/);
});

test("integers are equal, unless the model is quantised", () => {
  assert.match(findFault(longs(1000n, 1n), longs(1000n, 2n)), /1 of 2 values/);
  assert.equal(findFault(longs(1000n, 1n), longs(1000n, 2n), { approximate: true }), "none");
});

const texts = {
  type: "string",
  dims: [2],
  data: ['{"0": 0.75, "1": 0.25}', '{"0": 0.5, "1": 0.5}'],
};
const findMapFault = (actual) => compareMaps(actual, texts, { tolerance: 1e-3 }).fault ?? "none";

test("maps are compared as a tensor with labels, whatever their order", () => {
  const scores = { type: "float32", dims: [2, 2], data: Float32Array.of(0.25, 0.75, 0.5, 0.5) };
  assert.equal(findMapFault({ ...scores, labels: [1n, 0n] }), "none");
  assert.match(findMapFault({ ...scores, labels: [0n, 1n] }), /off by 6\.7e-1/);
  assert.match(findMapFault({ ...scores, labels: ["0", "2"] }), /labels 0,2 in place of 0,1/);
  assert.match(
    findMapFault({ ...scores, dims: [1, 4], labels: [0n, 1n] }),
    /dims \[1,4\] in place of \[2,2\]/,
  );
});

test("maps are compared row by row", () => {
  const rows = (...pairs) =>
    pairs.map(
      ([a, b]) =>
        new Map([
          [0n, a],
          [1n, b],
        ]),
    );
  assert.equal(findMapFault(rows([0.75, 0.25], [0.5, 0.5])), "none");
  assert.match(findMapFault(rows([0.75, 0.25], [0.5, 0.4])), /off by/);
  assert.match(findMapFault(rows([0.75, 0.25])), /dims/);
  assert.match(findMapFault([...rows([0.75, 0.25]), new Map([[0n, 0.5]])]), /dims/);
  assert.match(findMapFault([]), /labels/);
});

test("only coarse numbers may be as far off as those of onnxruntime-web", () => {
  const reference = new Reference(join(models, "mnist_cntk"));
  const [set] = reference.sets;
  const expected = reference.readInputs(set.replace("inputs", "outputs")).Plus214_Output_0;
  const largest = Math.max(...expected.data.map(Math.abs));
  const data = expected.data.map((value) => value + 0.05 * largest);
  const countFaults = (isCoarse, slack) => {
    reference.isCoarse = isCoarse;
    return reference.check(set, { Plus214_Output_0: { ...expected, data } }, { slack }).faults.length;
  };
  assert.equal(countFaults(true, 0.06), 0);
  assert.equal(countFaults(true, 0.04), 1);
  assert.equal(countFaults(true, 0), 1);
  assert.equal(countFaults(false, 0.06), 1);
});

test("type, dims and absence are faults", () => {
  assert.match(findFault(undefined, floats(1)), /missing/);
  assert.match(findFault(longs(1n), floats(1)), /int64 in place of float32/);
  assert.match(findFault({ ...floats(1), dims: [] }, floats(1)), /dims \[\] in place of \[1\]/);
});
