import { geometricMean } from "../../bench/measurement.js";
import { create, find } from "../page/element.js";
import { describeChart, drawChart } from "./chart.js";
import { choices, familyNames } from "./choices.js";
import { ContestRunner } from "./contest-runner.js";
import { ResultsTable, ratioOf } from "./results-table.js";

/** @typedef {import("./results-table.js").Result} Result */

const form = find(document, "#contest", HTMLFormElement);
const groups = find(form, ".groups", HTMLElement);
const runButton = find(form, ".run", HTMLButtonElement);
const stopButton = find(form, ".stop", HTMLButtonElement);
const status = find(form, ".contest-status", HTMLElement);
const bar = find(form, "progress", HTMLProgressElement);
const rivalNote = find(document, "#rival-note", HTMLElement);
const outcome = find(document, "#outcome", HTMLElement);
const summary = find(outcome, ".summary", HTMLElement);
const peakLine = find(outcome, ".peaks", HTMLElement);
const figure = find(outcome, "figure", HTMLElement);
const download = find(outcome, ".download", HTMLButtonElement);
const table = new ResultsTable(find(outcome, "tbody", HTMLTableSectionElement));
const runner = new ContestRunner();

/** @type {Result[]} */
let results = [];
let peaks = {};
let isStopped = false;
/** @type {{ version?: string }} */
let rival = {};

for (const [family, name] of Object.entries(familyNames)) groups.append(showGroup(family, name));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void runContest();
});
stopButton.addEventListener("click", () => {
  isStopped = true;
  runner.stop();
});
download.addEventListener("click", saveResults);
const asked = readAddress();
void start();

async function start() {
  await findRival();
  if (!asked.report) return;
  await runContest();
  await sendReport();
}

/** @param {string} family @param {string} name */
function showGroup(family, name) {
  const group = create("fieldset", "choices");
  group.append(create("legend", "", name));
  for (const choice of choices.filter((choice) => choice.family === family)) {
    const label = create("label", "choice");
    const box = create("input");
    box.type = "checkbox";
    box.name = "model";
    box.value = choice.name;
    box.checked = family === "demo";
    label.append(box, create("span", "", choice.name));
    group.append(label);
  }
  return group;
}

/** The command line puts into the address what is to be measured: `#models=a,b&threads=1,2&seconds=1&report`. */
function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const models = words.get("models")?.split(",");
  const boxes = [...form.querySelectorAll("input[name=model]")].filter(
    (box) => box instanceof HTMLInputElement,
  );
  if (models) for (const box of boxes) box.checked = models.includes(box.value) || models.includes("all");
  const threads = words.get("threads");
  if (threads) find(form, "[name=threads]", HTMLSelectElement).value = threads;
  const seconds = words.get("seconds");
  return { report: words.has("report"), seconds: seconds ? Number(seconds) : undefined };
}

/** Where the server has onnxruntime-web from an npm folder of this machine; a host on the network has none. */
async function findRival() {
  rival = await fetch("rival/version.json")
    .then((response) => (response.ok ? response.json() : {}))
    .catch(() => ({}));
  rivalNote.textContent = rival.version
    ? `Beside onnxruntime-web ${rival.version}, from this machine.`
    : "onnxruntime-web is not on this server, so that Edgewise is measured alone. “npm run bench” installs it for “npm start”.";
}

async function runContest() {
  const data = new FormData(form);
  const names = data.getAll("model").map(String);
  const threadCounts = String(data.get("threads")).split(",").map(Number);
  const milliseconds = (asked.seconds ?? Number(data.get("seconds"))) * 1000;
  if (names.length === 0) {
    status.textContent = "Choose a model first.";
    return;
  }
  begin();
  const jobs = names.flatMap((name) => threadCounts.map((threads) => ({ name, threads })));
  peaks = (await runner.run({ task: "peak" }).catch(() => ({}))) ?? {};
  showPeaks();
  for (const [index, { name, threads }] of jobs.entries()) {
    if (isStopped) break;
    bar.value = index / jobs.length;
    status.textContent = `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}: ${index + 1} of ${jobs.length}`;
    await measureModel(name, threads, milliseconds);
  }
  end();
}

/** @param {string} name @param {number} threads @param {number} milliseconds */
async function measureModel(name, threads, milliseconds) {
  const { family = "", multiplyAdds } = choices.find((choice) => choice.name === name) ?? {};
  const folder = rival.version ? new URL("rival/", document.baseURI).href : undefined;
  try {
    const value = await runner.run({ task: "model", name, threads, milliseconds, rival: folder });
    if (value) addResult({ name, family, threads, ...(multiplyAdds && { multiplyAdds }), ...value });
  } catch (error) {
    addResult({ name, family, threads, failure: error instanceof Error ? error.message : String(error) });
  }
}

function begin() {
  isStopped = false;
  results = [];
  table.clear();
  figure.replaceChildren();
  summary.textContent = "";
  outcome.hidden = false;
  outcome.dataset.state = "running";
  runButton.disabled = true;
  stopButton.disabled = false;
  download.disabled = true;
  bar.hidden = false;
  bar.value = 0;
  status.textContent = "Measuring the peak of this machine";
}

function end() {
  outcome.dataset.state = "done";
  runButton.disabled = false;
  stopButton.disabled = true;
  download.disabled = results.length === 0;
  bar.hidden = true;
  status.textContent = isStopped ? "Stopped." : "Done.";
}

/** @param {Result} result */
function addResult(result) {
  results.push(result);
  table.add(result);
  const bars = results.flatMap((result) => {
    const ratio = ratioOf(result);
    return ratio
      ? [{ label: result.threads > 1 ? `${result.name} ×${result.threads}` : result.name, ratio }]
      : [];
  });
  if (bars.length === 0) return;
  figure.replaceChildren(drawChart(bars), describeChart());
  const mean = geometricMean(bars.map(({ ratio }) => ratio));
  summary.textContent = `onnxruntime-web takes ${mean.toFixed(2)} times as long, the geometric mean of ${bars.length}.`;
}

function showPeaks() {
  const parts = Object.entries(peaks).map(([kind, rate]) => `${kind}: ${Number(rate).toFixed(1)}`);
  peakLine.textContent =
    parts.length > 0
      ? `Billions of multiply-adds a second that WebAssembly reaches here: ${parts.join(", ")}.`
      : "";
}

function describeResults() {
  return {
    browser: navigator.userAgent,
    cores: navigator.hardwareConcurrency,
    rivalVersion: rival.version,
    peaks,
    results,
  };
}

function saveResults() {
  const link = create("a");
  const blob = new Blob([JSON.stringify(describeResults(), null, 2)], { type: "application/json" });
  link.href = URL.createObjectURL(blob);
  link.download = "edgewise-bench.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** To the command line that opened this page. */
async function sendReport() {
  await fetch("report", { method: "POST", body: JSON.stringify(describeResults()) });
}
