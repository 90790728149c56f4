import { setWasmLocator } from "./engine.js";
// Every Deno that has source imports has relaxed SIMD.
import source wasm from "./wasm/edgewise_relaxed_bg.wasm";

export * from "./core.js";

setWasmLocator(() => wasm);
