import { create } from "../page/element.js";

const rowHeight = 28;
const topHeight = 24;
const labelWidth = 210;
const barWidth = 330;
const numberWidth = 60;
const smallest = 1 / 4;
const largest = 4;

/** @typedef {{ label: string, ratio: number }} Bar */

/**
 * How many times as long the rival takes, on a scale where twice and half are equally far from one.
 *
 * @param {readonly Bar[]} bars
 */
export function drawChart(bars) {
  const width = labelWidth + barWidth + numberWidth;
  const height = topHeight + bars.length * rowHeight;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "bench-chart" });
  const title = draw("title", {});
  title.textContent = `onnxruntime-web’s time over Edgewise’s: ${bars.map(({ label, ratio }) => `${label} ${ratio.toFixed(2)}`).join(", ")}`;
  svg.append(title);
  for (const ratio of [smallest, 0.5, 1, 2, largest]) {
    const x = placeOf(ratio);
    const isOne = ratio === 1;
    svg.append(
      draw("line", { x1: x, x2: x, y1: topHeight - 4, y2: height, class: isOne ? "axis one" : "axis" }),
      write(ratio < 1 ? `1/${1 / ratio}` : String(ratio), {
        x,
        y: 13,
        "text-anchor": "middle",
        class: "tick",
      }),
    );
  }
  for (const [index, bar] of bars.entries()) svg.append(...drawBar(bar, topHeight + index * rowHeight));
  return svg;
}

/** @param {Bar} bar @param {number} top */
function drawBar({ label, ratio }, top) {
  const [one, end] = [placeOf(1), placeOf(ratio)];
  const middle = top + rowHeight / 2 + 5;
  return [
    write(label, { x: 0, y: middle, class: "label" }),
    draw("rect", {
      ...{ x: Math.min(one, end), width: Math.max(2, Math.abs(end - one)) },
      ...{ y: top + 6, height: rowHeight - 12, rx: 3, class: ratio >= 1 ? "ahead" : "behind" },
    }),
    write(ratio.toFixed(2), { x: labelWidth + barWidth + 8, y: middle, class: "ratio" }),
  ];
}

/** @param {number} ratio */
function placeOf(ratio) {
  const clamped = Math.min(largest, Math.max(smallest, ratio));
  return labelWidth + (barWidth * Math.log(clamped / smallest)) / Math.log(largest / smallest);
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function draw(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** @param {string} text @param {Record<string, string | number>} attributes */
function write(text, attributes) {
  const element = draw("text", attributes);
  element.textContent = text;
  return element;
}

/** What the colours and the scale mean. */
export function describeChart() {
  return create(
    "figcaption",
    "hint",
    "How many times as long onnxruntime-web takes, by the least time of each: right of 1 Edgewise is faster. Bars end at 4 and at 1/4.",
  );
}
