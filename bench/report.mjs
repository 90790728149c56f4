/** Results as tables on the console: times and memory by workload, means, roofline, scaling. */

import { printRow, printTitles } from "../tests/table.mjs";
import { geometricMean } from "./measurement.js";

/** @typedef {import("../tests/table.mjs").Column} Column */

const show =
  (digits, scale = 1) =>
  (value) =>
    Number.isFinite(value) ? (value * scale).toFixed(digits) : "-";
const inMegabytes = show(0, 1e-6);

/** What is shown of an engine, and compared: the rival's over ours. */
const measures = {
  cold: (engine) => engine?.cold,
  load: (engine) => engine?.load,
  first: (engine) => engine?.first,
  minimum: (engine) => engine?.later?.minimum,
  median: (engine) => engine?.later?.median,
  peak: (engine) => engine?.peakBytes,
  wasm: (engine) => engine?.wasmBytes,
};

/** @param {any} result @param {keyof typeof measures} measure @param {"rival" | "tfjs"} [other] */
export function ratioOf({ own, rival, tfjs }, measure, other = "rival") {
  const [ours, theirs] = [own, { rival, tfjs }[other]].map(measures[measure]);
  return ours > 0 && theirs > 0 ? theirs / ours : undefined;
}

/** @type {(engine: "own" | "rival") => Column[]} */
const engineColumns = (engine) => [
  ["cold ms", 10, (result) => show(0)(measures.cold(result[engine]))],
  ["load ms", 9, (result) => show(1)(measures.load(result[engine]))],
  ["first ms", 10, (result) => show(1)(measures.first(result[engine]))],
  ["median ms", 11, (result) => show(3)(measures.median(result[engine]))],
  ["least ms", 10, (result) => show(3)(measures.minimum(result[engine]))],
  ["peak MB", 9, (result) => inMegabytes(measures.peak(result[engine]))],
  ["wasm MB", 9, (result) => inMegabytes(measures.wasm(result[engine]))],
];

/** @type {Column[]} */
export const columns = [
  ["model", 34, ({ name }) => name],
  ["threads", 8, ({ threads }) => String(threads)],
  ...engineColumns("own"),
  ["| rival", 9, () => "|"],
  ...engineColumns("rival"),
  ["| median", 10, (result) => show(2)(ratioOf(result, "median"))],
  ["least", 7, (result) => show(2)(ratioOf(result, "minimum"))],
  ["| tfjs ms", 11, ({ tfjs }) => show(3)(tfjs?.later?.minimum)],
  ["least", 7, (result) => show(2)(ratioOf(result, "minimum", "tfjs"))],
];

/** @param {any} result */
export function printResult(result) {
  printRow(columns, result);
  for (const engine of ["own", "rival", "tfjs"]) {
    const { fault, apart } = result[engine] ?? {};
    if (fault) console.log(`    ${engine}: ${fault}`);
    if (apart > result.tolerance)
      console.log(`    ${engine} gives other numbers: off by ${apart.toExponential(1)}`);
  }
}

/** Geometric means of a rival's numbers over ours, by family and threads. @param {any[]} results */
export function listMeans(results) {
  const groups = groupBy(results, ({ family, threads }) => `${family}, ${threads}`);
  const every = groupBy(results, ({ threads }) => `all, ${threads}`);
  return [...every, ...groups].flatMap(([group, members]) =>
    /** @type {const} */ (["rival", "tfjs"]).flatMap((other) => {
      const means = Object.keys(measures).map((measure) => {
        const ratios = members
          .map((result) => ratioOf(result, /** @type {any} */ (measure), other))
          .filter(Boolean);
        return [measure, ratios.length > 0 ? geometricMean(ratios) : undefined];
      });
      const count = members.filter((result) => ratioOf(result, "minimum", other)).length;
      const least = Math.min(...members.map((result) => ratioOf(result, "minimum", other) ?? Infinity));
      return count > 0 ? [{ group, other, count, least, ...Object.fromEntries(means) }] : [];
    }),
  );
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** @param {ReturnType<typeof listMeans>} means */
export function printMeans(means) {
  console.log("\nThe other engine's number over Edgewise's, geometric means (above 1: Edgewise takes less)");
  /** @type {Column[]} */
  const shown = [
    ["models, threads", 24, ({ group }) => group],
    ["beside", 18, ({ other }) => (other === "rival" ? "onnxruntime-web" : "tfjs-wasm")],
    ["models", 8, ({ count }) => String(count)],
    ...Object.keys(measures).map(
      (measure) => /** @type {Column} */ ([measure, 9, (mean) => show(2)(mean[measure])]),
    ),
    ["worst", 8, ({ least }) => show(2)(least)],
  ];
  printTitles(shown);
  for (const mean of means) printRow(shown, mean);
}

/**
 * What share of the machine's multiply-adds products reach.
 *
 * @param {any[]} results
 * @param {import("./peak.js").Peaks} peaks
 */
export function printRoofline(results, peaks) {
  console.log("\nMultiply-add peak in WebAssembly, one thread");
  for (const [kind, rate] of Object.entries(peaks))
    console.log(`  ${kind.padEnd(20)} ${rate.toFixed(1)} GMAC/s`);
  /** @type {Column[]} */
  const shown = [
    ["model", 34, ({ name }) => name],
    ["threads", 8, ({ threads }) => String(threads)],
    ["GMAC/s", 9, ({ rates }) => show(1)(rates.own)],
    ["of peak", 9, ({ shares }) => share(shares.own)],
    ["rival", 9, ({ rates }) => show(1)(rates.rival)],
    ["of peak", 9, ({ shares }) => share(shares.rival)],
  ];
  printTitles(shown);
  for (const result of results) if (result.rates) printRow(shown, result);
}

const share = (value) => (Number.isFinite(value) ? `${(100 * value).toFixed(0)} %` : "-");

/**
 * Adds to a result the billions of multiply-adds per second of each engine, and the share that is of the peak of the
 * instructions that its build has.
 *
 * @param {any} result
 * @param {import("./peak.js").Peaks} peaks
 */
export function addRates(result, peaks) {
  if (!result.multiplyAdds) return;
  const peakOf = (engine) => {
    if (result.family === "int8") return peaks["i16 dot + i32 add"];
    return peaks[/relaxed/.test(engine?.build) ? "f32 relaxed madd" : "f32 mul + add"];
  };
  const rateOf = (engine) => result.multiplyAdds / engine?.later?.minimum / 1e6;
  const shareOf = (engine) => rateOf(engine) / ((peakOf(engine) ?? NaN) * result.threads);
  result.rates = { own: rateOf(result.own), rival: rateOf(result.rival) };
  result.shares = { own: shareOf(result.own), rival: shareOf(result.rival) };
}

/** @param {import("./downloads.mjs").Download[]} downloads */
export function printDownloads(downloads) {
  console.log("\nWhat a visitor downloads, in kB of brotli");
  /** @type {Column[]} */
  const shown = [
    ["engine", 34, ({ engine }) => engine],
    ["wasm", 9, ({ wasm }) => show(0, 1e-3)(wasm)],
    ["js", 9, ({ js }) => show(0, 1e-3)(js)],
    ["together", 10, ({ wasm, js }) => show(0, 1e-3)(wasm + js)],
  ];
  printTitles(shown);
  for (const download of downloads) printRow(shown, download);
}
