import { setWasmLocator } from "./engine.js";

export * from "./core.js";

// Bundlers look for this very form.
setWasmLocator(() => new URL("./wasm/edgewise_bg.wasm", import.meta.url));
