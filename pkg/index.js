import { setWasmLocator } from "./engine.js";
import { setThreadStarter } from "./threads.js";

export * from "./core.js";

// Bundlers look for these very forms.
setWasmLocator((binary) => {
  if (binary === "threads") return new URL("./wasm/edgewise_threads_bg.wasm", import.meta.url);
  if (binary === "relaxed") return new URL("./wasm/edgewise_relaxed_bg.wasm", import.meta.url);
  return new URL("./wasm/edgewise_bg.wasm", import.meta.url);
});
setThreadStarter(
  (engine) => {
    const worker = new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
    worker.postMessage(engine);
    const ready = new Promise((resolve) => {
      worker.onmessage = worker.onerror = resolve;
    });
    return { ready, end: () => worker.terminate() };
  },
  { isDefault: true },
);
