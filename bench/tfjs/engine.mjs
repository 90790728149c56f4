/** tfjs-wasm with the words of bench/engines.js, and `compare` beside them. It loads a graph that `convertModel` made and `saveGraph` put on disk. */

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { tfjsDirectory, tfjsVersion } from "../../tests/zoo/engines.mjs";

/** @param {string} path @param {{ weightData: Uint8Array }} graph */
export function saveGraph(path, { weightData, ...graph }) {
  writeFileSync(path, JSON.stringify(graph));
  writeFileSync(`${path}.weights`, weightData);
}

/** @param {string} path */
export async function startTfjs(path) {
  // Not called require: tsc would look for packages that are only installed on demand.
  const take = createRequire(join(tfjsDirectory, "package.json"));
  const core = take("@tensorflow/tfjs-core");
  const { loadGraphModel } = take("@tensorflow/tfjs-converter");
  take("@tensorflow/tfjs-backend-wasm");
  await core.setBackend("wasm");
  await core.ready();
  return async () => {
    const { input, output, node, isPixels, ...artifacts } = JSON.parse(readFileSync(path, "utf8"));
    const bytes = readFileSync(`${path}.weights`);
    const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const model = await loadGraphModel(core.io.fromMemory({ ...artifacts, weightData }));
    return {
      /** The pixels lie as tfjs wants them before a run begins. */
      toInputs: (inputs) => {
        const { dims, data } = inputs[input];
        const [batch, channels, height, width] = dims;
        const turned = turn(data, batch, channels, height * width);
        return { input: core.tensor(turned, [batch, height, width, channels], "float32") };
      },
      run: async (inputs) => {
        const result = core.tidy(() => model.execute(inputs, node));
        const data = await result.data();
        const { shape } = result;
        result.dispose();
        return { [output]: { type: "float32", dims: shape, data } };
      },
      read: async (outputs) => [outputs],
      /** What a run gave, with the channels where ONNX has them. */
      compare: (outputs) => {
        const { dims, data } = outputs[output];
        if (!isPixels) return outputs;
        const [batch, height, width, channels] = dims;
        const turned = turn(data, batch, height * width, channels);
        return { [output]: { type: "float32", dims: [batch, channels, height, width], data: turned } };
      },
      tellBuild: () => `${core.getBackend()} ${tfjsVersion}`,
      release: async () => model.dispose(),
    };
  };
}

/** Turns the last two dims of three around. */
function turn(data, batch, rows, columns) {
  const turned = new Float32Array(data.length);
  for (let image = 0; image < batch; image += 1) {
    const start = image * rows * columns;
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        turned[start + column * rows + row] = data[start + row * columns + column];
      }
    }
  }
  return turned;
}
