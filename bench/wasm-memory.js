/**
 * What WebAssembly memory an engine takes. It never shrinks, so that its size after the runs is its peak.
 *
 * @template T
 * @param {() => Promise<T>} start what makes the engine's instances
 * @returns {Promise<{ value: T, countBytes: () => number }>}
 */
export async function watchMemory(start) {
  const { instantiate, instantiateStreaming, Memory } = WebAssembly;
  /** @type {Set<WebAssembly.Memory>} */
  const memories = new Set();
  /** @template {any} R @param {R} result @returns {R} */
  const note = (result) => {
    const { exports } = /** @type {any} */ (result).instance ?? result;
    for (const value of Object.values(exports)) if (value instanceof Memory) memories.add(value);
    return result;
  };
  /** @type {any} */ (WebAssembly).instantiate = async (
    /** @type {any} */ source,
    /** @type {any} */ imports,
  ) => note(await instantiate(source, imports));
  WebAssembly.instantiateStreaming = async (source, imports) =>
    note(await instantiateStreaming(source, imports));
  // Memory that threads share is made by JavaScript and imported.
  WebAssembly.Memory = class extends Memory {
    /** @param {WebAssembly.MemoryDescriptor} descriptor */
    constructor(descriptor) {
      super(descriptor);
      memories.add(this);
    }
  };
  try {
    const value = await start();
    return {
      value,
      countBytes: () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
    };
  } finally {
    Object.assign(WebAssembly, { instantiate, instantiateStreaming, Memory });
  }
}
