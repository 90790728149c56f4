/** @param {ArrayBufferView} array the bytes behind it; of a buffer that was transferred away there are none */
export function viewBytes(array) {
  if (array.byteLength === 0) return new Uint8Array();
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
