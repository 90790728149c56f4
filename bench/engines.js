/**
 * Edgewise and onnxruntime-web behind the same words: `load(reference)` gives `{ run(inputs), release() }`. What is handed in
 * are the modules, so that it is the same code in Node and in a page.
 *
 * @typedef {Record<string, any>} Values
 * @typedef {object} Reference
 * @property {() => Uint8Array} readModel
 * @property {() => Record<string, Uint8Array>} readExternalData
 * @typedef {object} EngineSession
 * @property {(inputs: Values) => Values} toInputs
 * @property {(inputs: Values) => Promise<Values>} run
 * @property {(outputs: Values, inputs: Values) => Promise<Values[]>} read what a run gave, in the ways that the engine has to give it
 * @property {() => string} tellBuild which of the engine's builds runs
 * @property {() => Promise<void>} release
 * @typedef {(reference: Reference) => Promise<EngineSession>} Load
 */

/**
 * @param {any} edgewise the module
 * @param {{ threads?: number }} [options]
 * @returns {Promise<Load>}
 */
export async function driveOwn({ init, load, Tensor }, { threads = 1 } = {}) {
  await init({ threads });
  return async (reference) => {
    const session = await load(reference.readModel(), { externalData: reference.readExternalData() });
    const labels = new Map(session.outputs.map((/** @type {any} */ output) => [output.name, output.labels]));
    /** @param {[string, any]} entry @returns {[string, any]} */
    const addLabels = ([name, value]) => [
      name,
      labels.get(name) ? { ...value, labels: labels.get(name) } : value,
    ];
    return {
      toInputs: (inputs) => toTensors(inputs, Tensor),
      run: (inputs) => session.run(inputs),
      read: async (outputs, inputs) => [
        Object.fromEntries(Object.entries(outputs).map(addLabels)),
        ...([...labels.values()].some(Boolean) ? [await session.run(inputs, { maps: true })] : []),
      ],
      tellBuild: () => session.stats().build,
      release: () => session.release(),
    };
  };
}

/**
 * @param {any} onnxruntime the module
 * @param {{ threads?: number, wasmPaths?: string }} [options] wasmPaths: the folder of its wasm, where it would not find it itself
 * @returns {Load}
 */
export function driveRival({ env, InferenceSession, Tensor }, { threads = 1, wasmPaths } = {}) {
  env.logLevel = "fatal";
  env.wasm.numThreads = threads;
  env.wasm.proxy = false;
  if (wasmPaths) env.wasm.wasmPaths = wasmPaths;
  return async (reference) => {
    const external = Object.entries(reference.readExternalData());
    const session = await InferenceSession.create(reference.readModel(), {
      executionProviders: ["wasm"],
      logSeverityLevel: 4,
      ...(external.length > 0 && { externalData: external.map(([path, data]) => ({ path, data })) }),
    });
    return {
      toInputs: (inputs) => toTensors(inputs, Tensor),
      run: (inputs) => session.run(inputs),
      read: async (outputs) => [outputs],
      // It goes back to one thread by itself where it cannot have more, and then says so here.
      tellBuild: () => `wasm, ${env.wasm.numThreads} thread${env.wasm.numThreads === 1 ? "" : "s"}`,
      release: () => session.release(),
    };
  };
}

/** @param {Values} inputs @param {any} Tensor */
function toTensors(inputs, Tensor) {
  /**
   * A tensor, a sequence of them, or nothing.
   * @param {any} value
   * @returns {any}
   */
  const convert = (value) => {
    if (Array.isArray(value)) return value.map(convert);
    return value && new Tensor(value.type, value.data, value.dims);
  };
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, convert(value)]));
}
