/** The published declarations in strict projects, with and without the DOM's types, under both ways to resolve modules. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../pkg/scripts/workspace.mjs";
import { installPacked } from "../packed.mjs";

const consumers = fileURLToPath(new URL("./consumers", import.meta.url));
let packed;

before(() => {
  packed = installPacked();
  cpSync(consumers, packed.directory, { recursive: true });
});

after(() => packed?.remove());

const strict = {
  target: "ES2022",
  noEmit: true,
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  types: [],
};
const resolutions = [
  { module: "ESNext", moduleResolution: "bundler" },
  { module: "NodeNext", moduleResolution: "nodenext" },
];
const libraries = [
  { lib: ["ES2022"], files: ["portable.ts"] },
  { lib: ["ES2022", "DOM", "DOM.Iterable"], files: ["portable.ts", "browser.ts"] },
];

for (const resolution of resolutions) {
  for (const { lib, files } of libraries) {
    test(`declarations pass with ${resolution.moduleResolution} and ${lib.join(", ")}`, () => {
      const name = `tsconfig.${resolution.moduleResolution}.${lib.length}.json`;
      const config = { compilerOptions: { ...strict, ...resolution, lib }, files };
      writeFileSync(join(packed.directory, name), JSON.stringify(config));
      const { status, stdout } = spawnSync(process.execPath, [findCommand("typescript", "tsc"), "-p", name], {
        cwd: packed.directory,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
    });
  }
}
