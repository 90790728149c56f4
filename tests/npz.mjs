/**
 * Reads numpy's .npz: `readNpz(bytes)` gives `{ name: { type, dims, data } }` with the element types and the JS arrays of
 * Edgewise's Tensor; float16 as a Uint16Array of bits.
 */

import { unzipSync } from "fflate";

const formats = {
  f2: ["float16", Uint16Array],
  f4: ["float32", Float32Array],
  f8: ["float64", Float64Array],
  i1: ["int8", Int8Array],
  i2: ["int16", Int16Array],
  i4: ["int32", Int32Array],
  i8: ["int64", BigInt64Array],
  u1: ["uint8", Uint8Array],
  u2: ["uint16", Uint16Array],
  u4: ["uint32", Uint32Array],
  u8: ["uint64", BigUint64Array],
  b1: ["bool", Uint8Array],
};

export function readNpz(bytes) {
  const files = Object.entries(unzipSync(bytes));
  return Object.fromEntries(files.map(([name, content]) => [name.replace(/\.npy$/, ""), readNpy(content)]));
}

function readNpy(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x934e554d) throw new Error("not a .npy file");
  const wide = view.getUint8(6) > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const { descr, fortran, dims } = readHeader(new TextDecoder().decode(bytes.subarray(start, end)));
  if (fortran) throw new Error("a .npy file in Fortran order is not read");
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (/^<U\d+$/.test(descr)) {
    return { type: "string", dims, data: readStrings(bytes.subarray(end), Number(descr.slice(2)), size) };
  }
  const [type, ArrayType] = formats[descr.replace(/^[<|]/, "")] ?? [];
  if (!ArrayType) throw new Error(`a .npy file of ${descr} is not read`);
  // Copied, since the data need not start at a multiple of the element's size.
  return {
    type,
    dims,
    data: new ArrayType(bytes.slice(end, end + size * ArrayType.BYTES_PER_ELEMENT).buffer),
  };
}

/** The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), } */
function readHeader(text) {
  const [, descr] = text.match(/'descr': '([^']+)'/) ?? [];
  const [, shape] = text.match(/'shape': \(([^)]*)\)/) ?? [];
  if (descr === undefined || shape === undefined) throw new Error(`a .npy header is not understood: ${text}`);
  const fortran = /'fortran_order': True/.test(text) && shape.replace(/,\s*$/, "").includes(",");
  return { descr, fortran, dims: (shape.match(/\d+/g) ?? []).map(Number) };
}

/** Each string takes `width` UTF-32 code points, the last of them zero when it is shorter. */
function readStrings(bytes, width, size) {
  const points = new Uint32Array(bytes.slice(0, size * width * 4).buffer);
  return Array.from({ length: size }, (_, index) => {
    const text = Array.from(points.subarray(index * width, (index + 1) * width));
    while (text.at(-1) === 0) text.pop();
    return String.fromCodePoint(...text);
  });
}
