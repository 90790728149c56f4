import { setWasmLocator } from "./engine.js";
import { openFile } from "./file.node.js";
import { setFileOpener } from "./source.js";

export * from "./core.js";

setWasmLocator(async () => {
  const { readFile } = await import("node:fs/promises");
  return readFile(new URL("./wasm/edgewise_bg.wasm", import.meta.url));
});
setFileOpener(openFile);
