/**
 * The instructions of a WebAssembly module, as far as rustc 1.95 writes them.
 * Format: https://webassembly.github.io/spec/core/binary/instructions.html, with the older exceptions and with threads.
 */

/** An unsigned LEB128 number and the position after it. */
export function readLeb(bytes, position) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[position++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, position];
  }
}

/** The sections of a module: id, where each starts, its content and where it ends. */
export function* listSections(bytes) {
  for (let start = 8; start < bytes.length; ) {
    const [size, body] = readLeb(bytes, start + 1);
    yield { id: bytes[start], start, body, end: body + size };
    start = body + size;
  }
}

const prefixes = { simd: 0xfd, atomic: 0xfe };
const code = 10;

/** Instructions that matter here, by what `listInstructions` calls them: the prefix in the upper half. */
export const opcodes = {
  "f32x4.pmin": 0xfd00ea,
  "f32x4.pmax": 0xfd00eb,
  "i32x4.dot_i16x8_s": 0xfd00ba,
  "f32x4.relaxed_madd": 0xfd0105,
  "f32x4.relaxed_min": 0xfd010d,
  "f32x4.relaxed_max": 0xfd010e,
  "f64x2.relaxed_min": 0xfd010f,
  "f64x2.relaxed_max": 0xfd0110,
  "f64x2.pmin": 0xfd00f6,
  "f64x2.pmax": 0xfd00f7,
};

/** Each instruction of each function's code: the function's index, the opcode, and where it starts. */
export function* listInstructions(bytes) {
  for (const { id, body } of listSections(bytes)) {
    if (id !== code) continue;
    let [count, position] = readLeb(bytes, body);
    for (let index = 0; index < count; index += 1) {
      let size;
      [size, position] = readLeb(bytes, position);
      const end = position + size;
      position = skipLocals(bytes, position);
      while (position < end) {
        const [opcode, after] = readOpcode(bytes, position);
        yield { index, opcode, position };
        position = skipOperands(bytes, opcode, after);
      }
      if (position !== end)
        throw new Error(`function ${index} of the wasm has instructions that are not known here`);
    }
  }
}

function skipLocals(bytes, position) {
  let [count, after] = readLeb(bytes, position);
  for (; count > 0; count -= 1) after = readLeb(bytes, after)[1] + 1;
  return after;
}

function readOpcode(bytes, position) {
  const first = bytes[position];
  if (first < 0xfc) return [first, position + 1];
  const [second, after] = readLeb(bytes, position + 1);
  return [(first << 16) | second, after];
}

const skipLebs = (bytes, position, count) => {
  for (; count > 0; count -= 1) position = readLeb(bytes, position)[1];
  return position;
};

function skipOperands(bytes, opcode, position) {
  const lebs = (count) => skipLebs(bytes, position, count);
  if (opcode > 0xff) return skipPrefixed(bytes, opcode >> 16, opcode & 0xffff, position);
  if (opcode === 0x0e || opcode === 0x1c) {
    const [count, after] = readLeb(bytes, position);
    return skipLebs(bytes, after, count + (opcode === 0x0e ? 1 : 0));
  }
  if (opcode === 0x43) return position + 4;
  if (opcode === 0x44) return position + 8;
  if (opcode === 0x11 || opcode === 0x13 || (opcode >= 0x28 && opcode <= 0x3e)) return lebs(2);
  const one = [
    0x02, 0x03, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x10, 0x12, 0x18, 0x3f, 0x40, 0x41, 0x42, 0xd0,
    0xd2,
  ];
  return lebs(one.includes(opcode) || (opcode >= 0x20 && opcode <= 0x26) ? 1 : 0);
}

function skipPrefixed(bytes, prefix, opcode, position) {
  const lebs = (count) => skipLebs(bytes, position, count);
  if (prefix === prefixes.atomic) return opcode === 3 ? position + 1 : lebs(2);
  if (prefix === prefixes.simd) {
    if (opcode <= 11 || opcode === 92 || opcode === 93) return lebs(2);
    if (opcode === 12 || opcode === 13) return position + 16;
    if (opcode >= 21 && opcode <= 34) return position + 1;
    return opcode >= 84 && opcode <= 91 ? lebs(2) + 1 : position;
  }
  return lebs([0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1][opcode] ?? 0);
}
