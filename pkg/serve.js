import { enlist, instantiate, serve } from "./wasm/edgewise.js";

/**
 * What a thread does: it starts the module on the engine's memory, says so, and takes part in runs until it is ended.
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory }} engine
 * @param {(message: string) => void} tell
 */
export async function serveEngine({ module, memory }, tell) {
  await instantiate(module, memory);
  const address = enlist();
  tell("ready");
  try {
    serve();
  } catch {
    // The engine's own thread may be waiting for this one, and hear no message.
    Atomics.store(new Int32Array(memory.buffer), address / 4, 1);
  }
}
