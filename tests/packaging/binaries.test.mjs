/** What each binary is made of: a slow kernel that slips in shows here, and not only as time. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { listInstructions, opcodes } from "../../pkg/scripts/instructions.mjs";
import { wasmDir } from "../../pkg/scripts/workspace.mjs";

const names = new Map(Object.entries(opcodes).map(([name, opcode]) => [opcode, name]));
/** By binary and instruction, how often it stands in each function that has it. */
const found = {};

before(() => {
  for (const binary of ["edgewise", "edgewise_relaxed", "edgewise_threads"]) {
    const counts = {};
    for (const { index, opcode } of listInstructions(readFileSync(join(wasmDir, `${binary}_bg.wasm`)))) {
      const name = names.get(opcode);
      if (!name) continue;
      counts[name] ??= new Map();
      counts[name].set(index, (counts[name].get(index) ?? 0) + 1);
    }
    found[binary] = counts;
  }
});

/** The most that a function has of an instruction. */
const most = (binary, name) => Math.max(0, ...(found[binary][name]?.values() ?? []));

test("relaxed binaries multiply and add in one instruction, the tiles of products above all", () => {
  assert.equal(most("edgewise", "f32x4.relaxed_madd"), 0);
  for (const binary of ["edgewise_relaxed", "edgewise_threads"]) {
    const tiles = [...found[binary]["f32x4.relaxed_madd"].values()].filter((count) => count >= 64);
    // Eight rows of eight columns, four steps at a time, from panels, from rows and from anywhere.
    assert.ok(tiles.length >= 3, `${binary}: ${tiles}`);
  }
});

test("integers are multiplied in pairs", () => {
  for (const binary of Object.keys(found)) assert.ok(most(binary, "i32x4.dot_i16x8_s") >= 8, binary);
});

test("nothing loses NaN by a relaxed minimum or maximum", () => {
  for (const binary of Object.keys(found)) {
    for (const type of ["f32x4", "f64x2"]) {
      for (const kind of ["min", "max"]) assert.equal(most(binary, `${type}.relaxed_${kind}`), 0, binary);
    }
  }
});
