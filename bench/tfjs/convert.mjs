/**
 * Converts the model of a workload for tfjs, for main.mjs: the argument is `{ workload, packed }` in JSON; out comes
 * `{ graph }`, the path of what was made, or `{ reason }`.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { modelsDirectory, openWorkload } from "../workload.mjs";
import { saveGraph } from "./engine.mjs";
import { convertModel } from "./graph.mjs";

const { workload, packed } = JSON.parse(process.argv[2] ?? "");

async function convert() {
  const source = openWorkload(workload);
  try {
    const graph = join(modelsDirectory, `${workload.name}.json`);
    mkdirSync(modelsDirectory, { recursive: true });
    saveGraph(graph, await convertModel(source.readModel(), source.readInputs(), packed));
    return { graph };
  } catch (error) {
    return { reason: error.message };
  }
}

console.log(`\n${JSON.stringify(await convert())}`);
