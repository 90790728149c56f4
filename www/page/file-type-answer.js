import { create } from "./element.js";
import { formatBytes, formatShare } from "./quantities.js";

/**
 * @typedef {import("../messages.js").Candidate} Candidate
 * @typedef {import("../messages.js").Identification} Identification
 */

const SHOWN = 5;

/** @param {HTMLElement} place @param {File} file */
export function showWorking(place, file) {
  place.dataset.state = "working";
  place.replaceChildren(describeFile(file), create("p", "answer-title", "Looking at it…"));
}

/** @param {HTMLElement} place @param {string} title @param {string} text */
export function showNote(place, title, text) {
  place.dataset.state = "note";
  place.replaceChildren(create("p", "answer-title", title), create("p", "answer-note", text));
}

/** @param {HTMLElement} place @param {File} file @param {Identification} answer */
export function showAnswer(place, file, answer) {
  place.dataset.state = answer.verdict === "model" && answer.confident ? "sure" : "unsure";
  const title = create("p", "answer-title", titleOf(answer));
  title.dataset.label = answer.label;
  place.replaceChildren(describeFile(file), title, listFacts(answer));
  for (const note of notesOn(file, answer)) place.append(create("p", "answer-note", note));
  if (answer.candidates.length > 0)
    place.append(chartCandidates(answer.candidates), tableCandidates(answer.candidates));
}

/**
 * The answer in one sentence, for those who hear it.
 *
 * @param {File} file
 * @param {Identification} answer
 */
export function summarise(file, answer) {
  const [best] = answer.candidates;
  return `${file.name}: ${titleOf(answer)}${best && answer.confident ? `, ${formatShare(best.probability)} sure` : ""}.`;
}

/** @param {Identification} answer */
function titleOf({ verdict, confident, type }) {
  if (verdict === "empty") return "Empty file";
  if (verdict === "too-small") return "Too small to tell";
  return confident ? type.description : "Not sure";
}

/** @param {File} file @param {Identification} answer */
function* notesOn(file, { verdict, confident, label, type, candidates, threshold }) {
  const [best] = candidates;
  if (verdict === "empty") yield "There is nothing in it, so the model was not asked.";
  if (verdict === "too-small") {
    const kind = label === "txt" ? "It is plain text" : "It is not text";
    yield `The model is not asked about fewer than 8 bytes, white space aside. ${kind}; that much is certain.`;
  }
  if (best && !confident) {
    yield `The best guess is ${best.description} at ${formatShare(best.probability)}. Magika believes that guess from ${formatShare(threshold)} on, so it answers “${type.description}”.`;
  }
  const extension = extensionOf(file.name);
  if (
    verdict === "model" &&
    confident &&
    extension &&
    type.extensions.length > 0 &&
    !type.extensions.includes(extension)
  ) {
    yield `The name ends in .${extension}. The content says otherwise: files of this type end in ${type.extensions
      .slice(0, 3)
      .map((name) => `.${name}`)
      .join(", ")}.`;
  }
}

/** @param {Identification} answer */
function listFacts({ label, type, verdict, confident, candidates }) {
  const list = create("ul", "facts");
  const [best] = candidates;
  const facts = [label, type.mime, type.group];
  if (best) facts.unshift(`${formatShare(best.probability)} ${confident ? "sure" : "for the best guess"}`);
  if (verdict === "model") facts.push(`out of ${candidates.length} types`);
  for (const fact of new Set(facts)) list.append(create("li", "", fact));
  return list;
}

/** @param {Candidate[]} candidates */
function chartCandidates(candidates) {
  const chart = create("ol", "chart");
  chart.setAttribute("aria-label", `The ${SHOWN} most likely of ${candidates.length} types`);
  for (const { label, description, probability } of candidates.slice(0, SHOWN)) {
    const row = create("li");
    row.dataset.label = label;
    const bar = create("meter");
    bar.value = probability;
    bar.setAttribute("aria-hidden", "true");
    row.append(
      create("span", "chart-name", description),
      create("span", "chart-share", formatShare(probability)),
      bar,
    );
    chart.append(row);
  }
  return chart;
}

/** @param {Candidate[]} candidates */
function tableCandidates(candidates) {
  const details = create("details", "all-types");
  const rest = candidates.slice(SHOWN).reduce((sum, { probability }) => sum + probability, 0);
  details.append(
    create(
      "summary",
      "",
      `All ${candidates.length} types (the other ${candidates.length - SHOWN} share ${formatShare(rest)})`,
    ),
  );
  const table = create("table");
  const body = create("tbody");
  for (const { label, description, probability } of candidates) {
    const row = create("tr");
    const name = create("th", "", description);
    name.scope = "row";
    row.append(name, create("td", "code", label), create("td", "number", formatShare(probability)));
    body.append(row);
  }
  table.append(create("caption", "visually-hidden", "Probability of every type"), body);
  const frame = create("div", "table-frame");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Probability of every type");
  frame.append(table);
  details.append(frame);
  return details;
}

/** @param {File} file */
function describeFile(file) {
  const line = create("p", "answer-file");
  line.append(
    create("span", "file-name", file.name || "pasted file"),
    create("span", "file-size", formatBytes(file.size)),
  );
  return line;
}

/** @param {string} name */
function extensionOf(name) {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}
