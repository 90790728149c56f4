import { setWasmLocator } from "./engine.js";
import path from "./wasm/edgewise_bg.wasm" with { type: "file" };

export * from "./core.js";

setWasmLocator(() => Bun.file(path.startsWith(".") ? new URL(path, import.meta.url) : path).arrayBuffer());
