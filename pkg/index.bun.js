import { setWasmLocator } from "./engine.js";
import simd128 from "./wasm/edgewise_bg.wasm" with { type: "file" };
import relaxed from "./wasm/edgewise_relaxed_bg.wasm" with { type: "file" };

export * from "./core.js";

setWasmLocator((binary) => {
  const path = binary === "simd128" ? simd128 : relaxed;
  return Bun.file(path.startsWith(".") ? new URL(path, import.meta.url) : path).arrayBuffer();
});
