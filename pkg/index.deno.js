import { setWasmLocator } from "./engine.js";
import source wasm from "./wasm/edgewise_bg.wasm";

export * from "./core.js";

setWasmLocator(() => wasm);
