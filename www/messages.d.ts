/** What the page and its worker say to each other. */

export type ModelName = "magika" | "selfie";

export type Request = { id: number } & (
  | { task: "load"; model: ModelName }
  | { task: "identify"; file: File }
  | { task: "segment"; picture: ImageBitmap }
);

export type Reply =
  | { kind: "progress"; model: ModelName; progress: Progress }
  | { kind: "done"; id: number; value: unknown }
  | { kind: "failed"; id: number; failure: Failure };

/** An error on its way to the page; `code` is Edgewise's. */
export interface Failure {
  name: string;
  message: string;
  code?: string;
}

export interface Progress {
  phase: string;
  loaded?: number | undefined;
  total?: number | undefined;
}

/** Milliseconds that loading took, once. */
export interface LoadTimings {
  engine: number;
  download: number;
  prepare: number;
}

/** Milliseconds that one run took. A stage that did not take place has none. */
export interface RunTimings {
  preprocess?: number;
  inference?: number;
  postprocess?: number;
}

export interface LoadReport {
  timings: LoadTimings;
  transfers: Transfer[];
  /** The addresses that the worker fetched since it was last asked. */
  requests: string[];
}

export interface Transfer {
  part: "engine" | "model";
  /** The size of the file itself. */
  bytes: number;
  /** What came over the network for it. */
  received: number;
  from: "network" | "browser cache" | "offline copy" | "unknown";
}

export interface FileType {
  description: string;
  mime: string;
  group: string;
  extensions: string[];
  text: boolean;
}

export interface Candidate {
  label: string;
  description: string;
  probability: number;
}

export interface Identification {
  /** Whether the model was asked at all. */
  verdict: "model" | "empty" | "too-small";
  /** The answer to show. */
  label: string;
  type: FileType;
  /** Every type, most likely first; none where the model was not asked. */
  candidates: Candidate[];
  /** The confidence that Magika asks for before it believes its best candidate. */
  threshold: number;
  confident: boolean;
  timings: RunTimings;
}

export interface Segmentation {
  /** How likely each of 256 x 256 pixels belongs to a person, 0 to 255. */
  mask: Uint8ClampedArray<ArrayBuffer>;
  /** The share of the picture that is a person. */
  coverage: number;
  timings: RunTimings;
}
