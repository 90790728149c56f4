/** Loaded before a program: has it run the binary that EDGEWISE_BINARY names, whatever the machine would choose. */

import { setFlagsFromString } from "node:v8";

const binary = process.env.EDGEWISE_BINARY;
if (binary === "simd128") WebAssembly.validate = () => false;
// Node 20 has relaxed SIMD behind a flag that later versions do not know.
else if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");
if (binary === "threads") {
  const { init } = await import("edgewise");
  await init({ threads: 2 });
}
