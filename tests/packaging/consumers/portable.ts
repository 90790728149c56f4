// Every word of the API in a project that has no DOM types and no @types/node, as an edge or library project has it.

import type { Tensor as TensorType } from "edgewise";
import { InferenceError, init, inspect, load, type Session, Tensor } from "edgewise";
import { load as loadFromCore } from "edgewise/core";

type Options = NonNullable<Parameters<typeof load>[1]>;

declare const bytes: Uint8Array;
declare const buffer: ArrayBuffer;
declare const signal: NonNullable<Options["signal"]>;

export async function useSession(): Promise<number> {
  await init();
  await init({ wasm: bytes });
  const options: Options = {
    signal,
    onProgress({ phase, loaded, total }) {
      const name: "engine" | "download" | "external" | "prepare" | "ready" = phase;
      const share: number = total === undefined ? 0 : loaded / total;
      return void [name, share];
    },
    integrity: "sha256-abc",
    externalData: { "model.onnx.data": buffer, other: "/other.data" },
    freeDimensionOverrides: { batch: 1 },
    cache: "models",
    limits: { modelBytes: 1e8, tensorBytes: 1e8 },
  };
  const session: Session = await load("/model.onnx", options);
  await load(bytes, { cache: true });
  await load(buffer);
  await load(Promise.resolve(buffer));
  await loadFromCore(bytes);

  const first = session.inputs[0];
  if (first === undefined) return 0;
  const name: string = first.name;
  const type: "float32" | "int64" | "string" | "bool" | undefined =
    first.type === "float32" || first.type === "int64" || first.type === "string" ? first.type : undefined;
  const dims: readonly (number | string | null)[] | null = first.dims;
  const outputNames: string[] = session.outputs.map((output) => output.name);

  const { producerName, producerVersion, domain, modelVersion, description, irVersion } = session.metadata;
  const { opsets, properties, sha256, bytes: size } = session.metadata;
  const texts: string[] = [producerName, producerVersion, domain, modelVersion, description, sha256];
  const opset: number | undefined = opsets["ai.onnx"];
  const property: string | undefined = properties.author;

  const pixels = new Tensor("float32", new Float32Array(4), [1, 4]);
  const exact: Float32Array = pixels.data;
  const ids = new Tensor("int64", new BigInt64Array(2));
  const bigs: BigInt64Array = ids.data;
  const words: string[] = new Tensor("string", ["a", "b"]).data;
  const flags: Uint8Array = new Tensor("bool", new Uint8Array(1), []).data;
  const count: number = pixels.size + pixels.dims.length;

  const outputs = await session.run({ [name]: pixels, ids }, { outputs: outputNames, signal });
  const again = session.runSync({ [name]: pixels }, { outputs: outputNames });
  const scores: TensorType | undefined = outputs.scores ?? again.scores;
  if (scores === undefined) return 0;
  const anything: TensorType = scores;
  const total: number =
    anything.type === "float32" ? (anything.data as Float32Array).reduce((a, b) => a + b, 0) : 0;

  await session.run({ a: new Float32Array(3), b: 5, c: 5n, d: "text", e: [[1, 2]], f: ["a"], g: true });
  await session.warmup();
  await session.warmup({ [name]: [1, 3, 224, 224] });
  const { build, runs, failures, steps, modelBytes, milliseconds } = session.stats();
  const times: (number | undefined)[] = [milliseconds.engine, milliseconds.download, milliseconds.prepare];
  const moreTimes: (number | undefined)[] = [milliseconds.lastRun, milliseconds.runs];
  const { engineBytes, modelBytes: held } = session.memory();
  const numbers: number[] = [runs, failures, steps, modelBytes, engineBytes, held];
  await session.release();
  return (
    total +
    size +
    irVersion +
    count +
    [type, dims, texts, opset, property, exact, bigs, words, flags].length +
    [build satisfies string, times, moreTimes, numbers].length
  );
}

export async function useAndForget(): Promise<void> {
  await using session = await load(bytes);
  await session.run({});
}

export async function look(): Promise<readonly unknown[]> {
  const { inputs, outputs, operators, unsupported, opsets } = await inspect(bytes);
  const version: number | undefined = opsets["ai.onnx"];
  return [inputs[0]?.name, outputs.length, operators, unsupported, version];
}

export function explain(error: unknown): string {
  if (!(error instanceof InferenceError)) throw error;
  const base: Error = error;
  const optional: (string | undefined)[] = [error.input, error.output, error.node, error.op];
  switch (error.code) {
    case "MODEL_FETCH_FAILED":
    case "MODEL_INTEGRITY":
    case "MODEL_INVALID":
    case "MODEL_UNSUPPORTED":
    case "OP_UNSUPPORTED":
    case "INPUT_INVALID":
    case "LIMIT_EXCEEDED":
    case "EXECUTION_FAILED":
    case "ABORTED":
    case "SESSION_RELEASED":
    case "ENGINE_LOAD_FAILED":
    case "ENGINE_CRASHED":
      return `${base.message} ${optional.join()} ${String(error.expected)} ${String(error.actual)} ${String(error.cause)}`;
    default: {
      const none: never = error.code;
      return none;
    }
  }
}

export async function misuse(session: Session): Promise<void> {
  // @ts-expect-error: no such element type
  new Tensor("float31", new Float32Array(1));
  // @ts-expect-error: int64 is never held in float32
  new Tensor("int64", new Float32Array(1));
  // @ts-expect-error: a number is no source
  await load(5);
  // @ts-expect-error: a misspelt option
  await load(bytes, { onprogress() {} });
  // @ts-expect-error: there may be no first input
  session.inputs[0].name;
  // @ts-expect-error: the inputs are not to be replaced
  session.inputs = [];
}
