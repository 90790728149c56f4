// The sources that a page has, with the DOM's own types.

import { init, inspect, load, Tensor } from "edgewise";

export async function loadFromPage(file: File, module: WebAssembly.Module): Promise<void> {
  const controller = new AbortController();
  await init({ wasm: new URL("/edgewise.wasm", location.href) });
  await init({ wasm: module });
  await init({ wasm: fetch("/edgewise.wasm") });
  await init({ wasm: await fetch("/edgewise.wasm") });
  const sessions = await Promise.all([
    load(new URL("/model.onnx", location.href), { signal: controller.signal }),
    load(new Request("/model.onnx")),
    load(await fetch("/model.onnx")),
    load(fetch("/model.onnx")),
    load(file),
    load(new Blob([]), { externalData: { weights: file, more: await fetch("/more") } }),
    load(file.stream()),
    load(await file.arrayBuffer()),
    load(new DataView(new ArrayBuffer(8))),
  ]);
  await inspect(file);
  for (const session of sessions) {
    const image = new ImageData(4, 4);
    const pixels = new Tensor("uint8", new Uint8Array(image.data.buffer), [4, 4, 4]);
    await session.run({ image: pixels }, { signal: controller.signal });
  }
}
