/** What each family of operators weighs: the plain binary with all of them, without one, and without any. */

import { measureBytes } from "./size.mjs";
import { buildPlain } from "./wasm.mjs";
import { readFamilies } from "./workspace.mjs";

/** Prints the table of docs/smaller-builds.md. Each row is a build of some minutes. */
export async function printFamilies() {
  const families = readFamilies();
  const measure = async (features) => measureBytes(buildPlain(features));
  const all = await measure(families);
  printRow("all", all);
  for (const family of families) {
    const rest = await measure(families.filter((other) => other !== family));
    const saved = ["raw", "gzip", "brotli"].map((form) => [form, rest[form] - all[form]]);
    printRow(family, Object.fromEntries(saved));
  }
  printRow("none", await measure([]));
}

function printRow(name, { raw, gzip, brotli }) {
  const cells = [raw, gzip, brotli].map((bytes) => `${Math.round(bytes / 1000)} kB`);
  console.log(`| ${[name, ...cells].join(" | ")} |`);
}
