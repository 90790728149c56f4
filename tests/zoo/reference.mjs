/** A case of the zoo on disk: a model, the inputs of some runs, what they must give, and how near that must be. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compareMaps, compareTensor } from "../compare.mjs";
import { readNpz } from "../npz.mjs";

const fine = 1e-3;
/** The tolerance of int8 and float16 cases. */
export const coarse = 2e-2;

export class Reference {
  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
    const path = join(directory, "meta.json");
    const meta = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
    /** Whether integers may round the other way. */
    this.isQuantised = /Quantize|QLinear|Integer/.test(Object.keys(meta.ops ?? {}).join(" "));
    /** Whether the numbers themselves are coarse. */
    this.isCoarse =
      this.isQuantised || /f16|fp16|half|int8|qdq/i.test(`${meta.name ?? ""} ${basename(directory)}`);
    this.sets = readdirSync(directory)
      .filter((name) => /^inputs.*\.npz$/.test(name))
      .sort();
    if (this.sets.length === 0) throw new Error("the case has no inputs.npz");
  }

  readModel() {
    return readFileSync(join(this.directory, "model.onnx"));
  }

  /** Whatever else the folder holds is the model's external data. */
  readExternalData() {
    const names = readdirSync(this.directory).filter((name) => !/\.(npz|json)$|^model\.onnx$/.test(name));
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(this.directory, name))]));
  }

  /** @param {string} set */
  readInputs(set) {
    return readNpz(readFileSync(join(this.directory, set)));
  }

  /**
   * How far outputs are from what the set of inputs must give: the largest error, whether it covers everything that is
   * wrong, and a line for each fault. `slack` takes the place of the tolerance of coarse numbers where it is more.
   *
   * @param {string} set
   * @param {Record<string, any>} outputs
   * @param {{ tolerance?: number, slack?: number }} [options]
   */
  check(set, outputs, { tolerance, slack = 0 } = {}) {
    const outputsSet = set.replace("inputs", "outputs");
    const result = { error: 0, faults: /** @type {string[]} */ ([]), isMeasured: true };
    for (const [name, expected] of Object.entries(this.readInputs(outputsSet))) {
      const isCoarse = this.isCoarse || expected.type === "float16";
      const limit = tolerance || (isCoarse ? Math.max(coarse, slack) : fine);
      const compare = isMaps(outputs[name]) ? compareMaps : compareTensor;
      const { error, fault } = compare(outputs[name], expected, {
        tolerance: limit,
        approximate: this.isQuantised,
      });
      if (Number.isFinite(error)) result.error = Math.max(result.error, error);
      else result.isMeasured = false;
      if (fault) result.faults.push(`${outputsSet}: output "${name}" ${fault}`);
    }
    return result;
  }
}

/** Whether a value is a Map for each row, or a tensor that stands for those. */
function isMaps(value) {
  return Array.isArray(value) || value?.labels !== undefined;
}
