/**
 * Runs ONNX node tests in an engine, for conformance.mjs: the arguments are the engine, the folder of the packed package and a
 * file that lists the folders of the cases; a line of JSON comes out for each.
 */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { decodeModel } from "../onnx.mjs";
import { startOwn, startRival } from "../zoo/engines.mjs";
import { findFault, readValue } from "./values.mjs";

const [engine, packed, list] = process.argv.slice(2);
const load = await (engine === "own" ? startOwn(packed) : startRival());

const random = /^(Bernoulli|Multinomial|Random(Normal|Uniform)(Like)?)$/;

function isDrawn(model) {
  const draws = (node) =>
    // Outside training, Dropout draws nothing.
    random.test(node.opType) ||
    (node.opType === "Dropout" && node.input.length > 2) ||
    node.attribute.some((attribute) => attribute.g?.node.some(draws));
  return model.graph.node.some(draws);
}

function kindOf({ type }) {
  if (type?.optionalType) return "optional";
  return type?.sequenceType ? "sequence" : "tensor";
}

async function runCase(directory) {
  const bytes = readFileSync(join(directory, "model.onnx"));
  const model = decodeModel(bytes);
  const session = await load({ readModel: () => bytes, readExternalData: () => ({}) });
  try {
    const read = (prefix) => (value, index) => [
      value.name,
      readValue(join(directory, "test_data_set_0", `${prefix}_${index}.pb`), kindOf(value)),
    ];
    const inputs = session.toInputs(Object.fromEntries(model.graph.input.map(read("input"))));
    await session.run(inputs);
    // The second run is the one that shows what the first has left behind.
    const outputs = await session.run(inputs);
    for (const [name, expected] of model.graph.output.map(read("output"))) {
      const fault = findFault(outputs[name], expected, { isDrawn: isDrawn(model) });
      if (fault) return { result: "wrong", why: `${name}: ${fault}` };
    }
    return { result: "passed" };
  } finally {
    await session.release();
  }
}

for (const directory of JSON.parse(readFileSync(list, "utf8"))) {
  const name = basename(directory);
  let report;
  try {
    report = await runCase(directory);
  } catch (error) {
    report = { result: "failed", why: `${error?.code ?? ""} ${error?.message ?? error}` };
  }
  console.log(JSON.stringify({ name, ...report }));
}
