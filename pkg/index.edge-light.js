import { setWasmLocator } from "./engine.js";
import wasm from "./wasm/edgewise_bg.wasm?module";

export * from "./core.js";

setWasmLocator(() => wasm);
