import { create } from "../page/element.js";

/** @typedef {import("../../bench/contest.js").Report} Report */
/** @typedef {{ name: string, family: string, threads: number, own?: Report | undefined, rival?: Report | undefined, failure?: string }} Result */

/** @type {[title: string, read: (report: Report) => number | undefined][]} */
const measures = [
  ["Cold load", ({ cold }) => cold],
  ["Load", ({ load }) => load],
  ["First run", ({ first }) => first],
  ["Median", ({ later }) => later?.median],
  ["Least", ({ later }) => later?.minimum],
  ["Memory", ({ wasmBytes }) => wasmBytes && wasmBytes / 1e6],
];

/** Between engines: 8-bit models may round a sum either way. */
const tolerance = 2e-2;

/** A row for each engine of each result. */
export class ResultsTable {
  /** @param {HTMLTableSectionElement} body */
  constructor(body) {
    this.body = body;
  }

  clear() {
    this.body.replaceChildren();
  }

  /** @param {Result} result */
  add({ name, threads, own, rival, failure }) {
    const ratio = ratioOf({ own, rival });
    if (failure) return this.#addRow(name, threads, "Edgewise", { fault: failure });
    if (own) this.#addRow(name, threads, "Edgewise", own);
    if (rival) this.#addRow(name, threads, "onnxruntime-web", rival, ratio);
  }

  /** @param {string} name @param {number} threads @param {string} engine @param {Report} report @param {number} [ratio] */
  #addRow(name, threads, engine, report, ratio) {
    const row = create("tr");
    const heading = create("th", "code", name);
    heading.scope = "row";
    row.append(heading, create("td", "number", String(threads)), create("td", "", engine));
    if (report.fault) {
      const cell = create("td", "fault", report.fault);
      cell.colSpan = measures.length + 1;
      row.append(cell);
    } else {
      for (const [, read] of measures) row.append(create("td", "number", formatNumber(read(report))));
      row.append(create("td", "number", ratio ? ratio.toFixed(2) : ""));
    }
    if (report.apart !== undefined && report.apart > tolerance) {
      heading.append(" ", create("strong", "fault", `off by ${report.apart.toExponential(1)}`));
    }
    if (report.build) row.title = report.build;
    this.body.append(row);
  }
}

/** How many times as long the rival takes, by the least times. @param {Pick<Result, "own" | "rival">} result */
export function ratioOf({ own, rival }) {
  const [ours, theirs] = [own?.later?.minimum, rival?.later?.minimum];
  return ours && theirs ? theirs / ours : undefined;
}

/** @param {number | undefined} value */
function formatNumber(value) {
  if (value === undefined) return "–";
  return value < 10 ? value.toFixed(3) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}
