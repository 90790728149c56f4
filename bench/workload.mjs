/**
 * What one process measures: a model on disk, inputs, and how to compare. It crosses to the process as JSON.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} family
 * @property {string} [directory] of a case of the zoo, in place of the rest
 * @property {string} [model] the path of the bytes
 * @property {Record<string, import("./generated/catalogue.js").InputShape>} [inputs] drawn from a seed
 * @property {boolean} [isCoarse]
 * @property {number} [multiplyAdds]
 * @property {string} [graph] the path of the same model for tfjs, where there is one
 * @property {string} [axis] what grows
 * @property {number} [size] how far
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { targetDir } from "../pkg/scripts/workspace.mjs";
import { Reference } from "../tests/zoo/reference.mjs";
import { microModels, networks, scalings } from "./generated/catalogue.js";
import { drawTensor, seedRandom } from "./random.js";

export const modelsDirectory = join(targetDir, "bench");

/** @param {string} parent a folder of cases, or one case @returns {Workload[]} */
export function listZoo(parent) {
  const isCase = (path) => existsSync(join(path, "model.onnx"));
  const folders = isCase(parent) ? [parent] : readdirSync(parent).map((name) => join(parent, name));
  return folders
    .filter(isCase)
    .sort()
    .map((path) => ({ name: basename(path), family: "zoo", directory: resolve(path) }));
}

/** @returns {Workload[]} */
export function listMicro() {
  return microModels.map((model) => describe(model));
}

/** @returns {Workload[]} */
export function listNetworks() {
  return networks.map((model) => describe(model));
}

/** @returns {Workload[]} */
export function listScaling() {
  return scalings.flatMap(({ model, axis, sizes, dimsOf }) =>
    sizes.map((size) => {
      const dims = dimsOf(size);
      const inputs = Object.fromEntries(
        Object.entries(model.inputs).map(([name, shape]) => [
          name,
          { ...shape, dims: dims[name] ?? shape.dims },
        ]),
      );
      return { ...describe(model), name: `${model.name} ${axis} ${size}`, inputs, axis, size };
    }),
  );
}

/** @param {import("./generated/catalogue.js").GeneratedModel} model @returns {Workload} */
function describe({ name, family, inputs, isCoarse, multiplyAdds }) {
  const path = join(modelsDirectory, `${name}.onnx`);
  return { name, family, inputs, isCoarse, multiplyAdds, model: path };
}

/** Writes the model of a workload to where it says. @param {Workload} workload */
export function writeWorkload({ model }) {
  const made = [...microModels, ...networks].find(
    ({ name }) => model === join(modelsDirectory, `${name}.onnx`),
  );
  if (!made || !model) return;
  mkdirSync(modelsDirectory, { recursive: true });
  writeFileSync(model, made.write());
}

/** The bytes and the inputs of a workload. @param {Workload} workload */
export function openWorkload({ directory, model, inputs, isCoarse }) {
  if (directory) {
    const reference = new Reference(directory);
    const [set = ""] = reference.sets;
    return {
      readModel: () => reference.readModel(),
      readExternalData: () => reference.readExternalData(),
      readInputs: () => reference.readInputs(set),
      isCoarse: reference.isCoarse,
      isQuantised: reference.isQuantised,
    };
  }
  return {
    readModel: () => readFileSync(model ?? ""),
    readExternalData: () => ({}),
    readInputs: () => drawInputs(inputs ?? {}),
    isCoarse: isCoarse ?? false,
    isQuantised: isCoarse ?? false,
  };
}

/** @param {NonNullable<Workload["inputs"]>} inputs */
function drawInputs(inputs) {
  const random = seedRandom(1);
  return Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, drawTensor(random, shape)]));
}
