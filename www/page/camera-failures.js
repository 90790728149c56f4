/** @type {Record<string, string>} */
const MESSAGES = {
  NotAllowedError:
    "The camera was not allowed. Allow it for this site in the browser’s address bar, then try again.",
  SecurityError: "The browser does not let this page use a camera.",
  NotFoundError: "No camera was found on this device. A photo works as well.",
  OverconstrainedError: "No suitable camera was found on this device. A photo works as well.",
  NotReadableError: "The camera is in use by another program. Close that, then try again.",
  AbortError: "The camera stopped before it started. Try again.",
  NotSupportedError: "This browser offers the camera only over https or on localhost.",
};

/**
 * Says in words why there is no camera, or nothing where the error is about something else.
 *
 * @param {unknown} error
 */
export function describeCameraFailure(error) {
  return error instanceof DOMException ? MESSAGES[error.name] : undefined;
}
