/** The values of an ONNX model that are known before a run: its weights, and what a run of Edgewise finds out. */

import { decodeModel, encodeMessage } from "../../tests/onnx.mjs";
import { importPacked } from "../../tests/packed.mjs";

/** @typedef {{ dims: number[], data: ArrayLike<number> }} Known */

const arrays = { 1: Float32Array, 6: Int32Array, 7: BigInt64Array };
const fields = { 1: "floatData", 6: "int32Data", 7: "int64Data" };

/**
 * @param {Uint8Array} bytes
 * @returns {{ graph: any, known: Map<string, Known>, opset: number }}
 */
export function readModel(bytes) {
  const { graph, opsetImport } = decodeModel(bytes);
  const known = new Map();
  for (const tensor of graph.initializer) known.set(tensor.name, toKnown(tensor));
  for (const { opType, output, attribute } of graph.node) {
    const value = opType === "Constant" && attribute.find(({ name }) => name === "value")?.t;
    if (value) known.set(output[0], toKnown(value));
  }
  const opset = opsetImport.find(({ domain }) => !domain)?.version ?? 1;
  return { graph, known, opset };
}

function toKnown({ dims, dataType, rawData, ...typed }) {
  const ArrayType = arrays[dataType];
  if (!ArrayType) return { dims, data: undefined };
  const stored =
    rawData?.length > 0 ? new ArrayType(Uint8Array.from(rawData).buffer) : typed[fields[dataType]];
  return { dims, data: dataType === 7 ? Array.from(stored, Number) : stored };
}

/**
 * Finds out values that the model computes and does not tell, such as pads that come from the input's dims, by a run.
 *
 * @param {Uint8Array} bytes
 * @param {string[]} names
 * @param {Record<string, any>} inputs
 * @param {string} packed
 * @returns {Promise<Map<string, Known>>}
 */
export async function evaluate(bytes, names, inputs, packed) {
  if (names.length === 0) return new Map();
  const { load, Tensor } = await importPacked(packed);
  const model = decodeModel(bytes);
  model.graph.output.push(...names.map((name) => ({ name })));
  const session = await load(encodeMessage(model));
  const tensors = Object.entries(inputs).map(([name, { type, dims, data }]) => [
    name,
    new Tensor(type, data, dims),
  ]);
  const outputs = await session.run(Object.fromEntries(tensors), { outputs: names });
  await session.release();
  return new Map(
    Object.entries(outputs).map(([name, { dims, data }]) => [name, { dims, data: Array.from(data, Number) }]),
  );
}
