/** The list of errors is that of the code. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("docs/errors.md has a line for every code, and no other, and names the tests that trigger it", () => {
  const known = read("pkg/error.js")
    .match(/@typedef \{([^}]+)\} ErrorCode/)[1]
    .match(/[A-Z_]{5,}/g);
  const rows = [...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)` \|.*\| ([^|]+) \|$/gm)];
  assert.deepEqual(
    rows.map(([, code]) => code),
    known,
  );
  for (const [, code, files] of rows) {
    for (const file of files.split(", "))
      assert.ok(read(`tests/node/${file}`).includes(code), `${file}: ${code}`);
  }
});

test("the codes of Rust are codes of JavaScript", () => {
  const known = read("pkg/error.js");
  for (const [, code] of read("src/error.rs").matchAll(/=> "([A-Z_]+)"/g))
    assert.ok(known.includes(`"${code}"`), code);
});
