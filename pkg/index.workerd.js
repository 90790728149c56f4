import { setWasmLocator } from "./engine.js";
// Every workerd has relaxed SIMD.
import wasm from "./wasm/edgewise_relaxed_bg.wasm";

export * from "./core.js";

setWasmLocator(() => wasm);
