/** `npm run conformance`, the part that goes through the package: it passes what is right, and it fails what is wrong. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { installPacked } from "../packed.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const cases = here("../conformance/cases");
let packed;
let scratch;

before(() => {
  packed = installPacked();
  scratch = mkdtempSync(join(tmpdir(), "edgewise-conformance-"));
});

after(() => {
  packed.remove();
  rmSync(scratch, { recursive: true, force: true });
});

function runCases(folders) {
  const list = join(scratch, "list.json");
  writeFileSync(list, JSON.stringify(folders));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [here("../conformance/child.mjs"), "own", packed.directory, list],
    { encoding: "utf8" },
  );
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  assert.equal(lines.length, folders.length, stderr);
  return lines.map((line) => JSON.parse(line));
}

test("node tests of tensors, sequences, optionals and narrow types pass", () => {
  const names = readdirSync(cases);
  const expected = names.map((name) => ({ name, result: "passed" }));
  assert.deepEqual(runCases(names.map((name) => join(cases, name))), expected);
});

test("a wrong number and a missing file are told", () => {
  const [wrong, missing] = ["wrong", "missing"].map((name) => join(scratch, name));
  for (const folder of [wrong, missing]) cpSync(join(cases, "test_add"), folder, { recursive: true });
  cpSync(join(wrong, "test_data_set_0/input_0.pb"), join(wrong, "test_data_set_0/output_0.pb"));
  rmSync(join(missing, "test_data_set_0/input_1.pb"));
  const [first, second] = runCases([wrong, missing]);
  assert.equal(first.result, "wrong");
  assert.match(first.why, /^sum: \S+ in place of \S+$/);
  assert.equal(second.result, "failed");
  assert.match(second.why, /input_1\.pb is missing/);
});
