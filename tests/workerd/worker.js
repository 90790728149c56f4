/** A Worker as a user of the package writes it; bundled by workerd.test.mjs, which lays the files beside it. */

import { load, Tensor } from "edgewise";
import mnist from "./mnist.onnx";
import pixels from "./pixels.bin";

/** Tells the test whether it still talks to the isolate that saw the errors; made by the first request, as workerd demands. */
let isolate;
let served = 0;
let bundled;

const routes = {
  /** A model that was deployed with the Worker; loaded once, for all requests. */
  async "/bundled"() {
    bundled ??= load(mnist);
    return classify(await bundled);
  },
  /** A model that came in with the request. */
  async "/upload"(request) {
    const session = await load(request.body);
    const answer = await classify(session);
    await session.release();
    return answer;
  },
  /** Elements of every kind in, and out again: bool, float16 and 64-bit integers among them. */
  async "/types"(request) {
    const { model, inputs } = await request.json();
    const session = await load(Uint8Array.from(model));
    const tensors = Object.entries(inputs).map(([name, { type, dims, data }]) => [
      name,
      new Tensor(type, fromNumbers(type, data), dims),
    ]);
    const outputs = session.runSync(Object.fromEntries(tensors));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { type, dims, data }]) => [
        name,
        { type, dims, array: data.constructor.name, data: Array.from(data, Number) },
      ]),
    );
  },
  /** Why the package must hand workerd a compiled module. */
  async "/compile"() {
    await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    return {};
  },
};

async function classify(session) {
  const input = new Tensor("float32", new Float32Array(pixels), [1, 1, 28, 28]);
  const [name] = session.inputs.map((info) => info.name);
  const outputs = await session.run({ [name]: input });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { type, dims, data: [...data] }]),
  );
}

function fromNumbers(type, numbers) {
  const ArrayType = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array }[type];
  return ArrayType.from(numbers);
}

export default {
  async fetch(request) {
    isolate ??= crypto.randomUUID();
    served++;
    try {
      const answer = await routes[new URL(request.url).pathname](request);
      return Response.json({ isolate, served, answer });
    } catch (error) {
      const { name, code, message } = error;
      return Response.json({ isolate, served, error: { name, code, message } }, { status: 400 });
    }
  },
};
