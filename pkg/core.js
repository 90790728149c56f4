/** The API, without a word on where the wasm is: the entries say that, or `init({ wasm })`. */

/** @typedef {import("./engine.js").WasmSource} WasmSource */
/** @typedef {import("./error.js").ErrorCode} ErrorCode */
/** @typedef {import("./load.js").Inspection} Inspection */
/** @typedef {import("./load.js").LoadOptions} LoadOptions */
/** @typedef {import("./load.js").Progress} Progress */
/** @typedef {import("./load.js").ReadOptions} ReadOptions */
/** @typedef {import("./load.js").Signal} Signal */
/** @typedef {import("./session.js").Metadata} Metadata */
/** @typedef {import("./session.js").Outputs} Outputs */
/** @typedef {import("./session.js").RunOptions} RunOptions */
/** @typedef {import("./session.js").Stats} Stats */
/** @typedef {import("./session.js").TensorInfo} TensorInfo */
/** @typedef {import("./source.js").Source} Source */
/** @typedef {import("./tensor.js").ElementType} ElementType */
/** @typedef {import("./tensor.js").TensorDataMap} TensorDataMap */
/** @typedef {import("./values.js").InputValue} InputValue */

export { init } from "./engine.js";
export { InferenceError } from "./error.js";
export { inspect, load } from "./load.js";
export { Session } from "./session.js";
export { Tensor } from "./tensor.js";
