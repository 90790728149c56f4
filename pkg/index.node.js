import { Worker } from "node:worker_threads";
import { setWasmLocator } from "./engine.js";
import { openFile } from "./file.node.js";
import { setHasher } from "./hash.js";
import { setFileOpener } from "./source.js";
import { setThreadStarter } from "./threads.js";

export * from "./core.js";

setWasmLocator(async (binary) => {
  const { readFile } = await import("node:fs/promises");
  const name = { simd128: "edgewise", relaxed: "edgewise_relaxed", threads: "edgewise_threads" }[binary];
  return readFile(new URL(`./wasm/${name}_bg.wasm`, import.meta.url));
});
setFileOpener(openFile);
setHasher(async () => {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
});
setThreadStarter(
  (engine) => {
    const worker = new Worker(new URL("./thread.node.js", import.meta.url), {
      workerData: engine,
      // What the program was started with is not for this: a preloaded module, say, or what its input is.
      execArgv: [],
      env: {},
    });
    const ready = new Promise((resolve) => {
      worker.once("message", resolve).once("error", resolve).once("exit", resolve);
    });
    // Only then, since nothing else may keep the process alive meanwhile.
    return { ready: ready.finally(() => worker.unref()), end: () => worker.terminate() };
  },
  { isDefault: false },
);
