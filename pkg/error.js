/**
 * @typedef {"MODEL_FETCH_FAILED" | "MODEL_INTEGRITY" | "MODEL_INVALID" | "MODEL_UNSUPPORTED" | "OP_UNSUPPORTED"
 *   | "INPUT_INVALID" | "LIMIT_EXCEEDED" | "EXECUTION_FAILED" | "ABORTED" | "SESSION_RELEASED"
 *   | "ENGINE_LOAD_FAILED" | "ENGINE_CRASHED"} ErrorCode
 */

/**
 * What an error is about, where it is about one thing.
 * @typedef {object} ErrorSubject
 * @property {string | undefined} [input] the model input or the option at fault
 * @property {string | undefined} [output] the model output at fault
 * @property {string | undefined} [node] the node at fault
 * @property {string | undefined} [op] the operator of that node
 * @property {string | undefined} [expected] what was expected, such as `float32[batch,3,224,224]`
 * @property {string | undefined} [actual] what was found instead
 * @property {unknown} [cause] the error underneath
 */

/** Every error that Edgewise throws. docs/errors.md lists the codes. */
export class InferenceError extends Error {
  /** What consoles show, where the class itself has lost its name to a minifier. @internal @override */
  static name = "InferenceError";

  /** @readonly @type {ErrorCode} */
  code;
  /** @readonly @type {string | undefined} */
  input;
  /** @readonly @type {string | undefined} */
  output;
  /** @readonly @type {string | undefined} */
  node;
  /** @readonly @type {string | undefined} */
  op;
  /** @readonly @type {string | undefined} */
  expected;
  /** @readonly @type {string | undefined} */
  actual;

  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {ErrorSubject} [subject]
   */
  constructor(code, message, subject = {}) {
    const { cause, ...parts } = subject;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "InferenceError";
    this.code = code;
    this.input = parts.input;
    this.output = parts.output;
    this.node = parts.node;
    this.op = parts.op;
    this.expected = parts.expected;
    this.actual = parts.actual;
  }
}

/**
 * Throws where `signal` has been aborted.
 * @param {import("./load.js").Signal | undefined} signal
 */
export function checkAborted(signal) {
  if (signal?.aborted)
    throw new InferenceError("ABORTED", "the operation was aborted", { cause: signal.reason });
}

/** @param {unknown} cause */
export function messageOf(cause) {
  return cause instanceof Error ? cause.message : String(cause);
}
