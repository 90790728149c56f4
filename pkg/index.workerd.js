import { setWasmLocator } from "./engine.js";
import wasm from "./wasm/edgewise_bg.wasm";

export * from "./core.js";

setWasmLocator(() => wasm);
