/**
 * The multiply-add peak of this machine in WebAssembly: modules of a few hundred bytes, written by hand, whose loops do
 * nothing else. Sums of products stay in registers, of rows and columns that each turn reads from memory, so that no compiler
 * can take a product out of the loop; what is read stays in the first cache. The best tile counts: how well
 * the compiler does with one differs by half from version to version.
 */

/** @type {[rows: number, columns: number][]} */
const tiles = [
  [2, 4],
  [4, 2],
  [3, 3],
  [4, 3],
  [6, 1],
];
/** A turn does one step: with several its code no longer fits where the processor keeps decoded code, and half the peak is left. */
const turns = 80_000;
/** Many short rounds: on a machine with other work the best of them is one that nothing broke into. */
const rounds = 30;
const passes = 3;

/** What is done with a sum, a row's vector and a column's, and how many multiply-adds that is. */
const kinds = {
  "f32 mul + add": { lanes: 4, multiply: [0xfd, 0xe6, 0x01], add: [0xfd, 0xe4, 0x01], fused: undefined },
  "f32 relaxed madd": { lanes: 4, multiply: undefined, add: undefined, fused: [0xfd, 0x85, 0x02] },
  "i16 dot + i32 add": { lanes: 8, multiply: [0xfd, 0xba, 0x01], add: [0xfd, 0xae, 0x01], fused: undefined },
};

/** @typedef {keyof typeof kinds} PeakKind */
/** @typedef {Partial<Record<PeakKind, number>>} Peaks */

/** Billions of multiply-adds per second on one thread, for each kind that this engine of WebAssembly has. */
export async function measurePeaks() {
  /** @type {Peaks} */
  const peaks = {};
  const kindsOfPasses = Array.from({ length: passes }, () => Object.entries(kinds)).flat();
  for (const [name, kind] of kindsOfPasses) {
    for (const [rows, columns] of tiles) {
      const bytes = assemble(kind, rows, columns);
      if (!WebAssembly.validate(bytes)) continue;
      const milliseconds = await measureSpin(bytes);
      const rate = (turns * rows * columns * kind.lanes) / milliseconds / 1e6;
      const known = /** @type {PeakKind} */ (name);
      peaks[known] = Math.max(peaks[known] ?? 0, rate);
    }
  }
  return peaks;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function measureSpin(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes);
  const spin = /** @type {(turns: number) => void} */ (instance.exports.spin);
  let least = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    spin(turns);
    least = Math.min(least, performance.now() - start);
    // The optimising compiler works beside the first rounds, and what it made is taken up between calls.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return least;
}

/** Locals: the count of turns left, an address, the vector of a row, those of the columns, the sums. */
const left = 0;
const address = 1;
const rowVector = 2;
const firstColumn = 3;

/** @param {typeof kinds[PeakKind]} kind @param {number} rows @param {number} columns */
function assemble(kind, rows, columns) {
  const firstSum = firstColumn + columns;
  /** @param {number} row */
  const addRow = (row) => [
    ...[...load(columns + row), 0x21, rowVector],
    ...range(columns).flatMap((column) =>
      multiplyAdd(kind, firstSum + row * columns + column, firstColumn + column),
    ),
  ];
  const code = [
    // Locals beside the argument: one i32, and vectors.
    ...[2, 1, 0x7f, 1 + columns + rows * columns, 0x7b],
    // A loop.
    ...[0x03, 0x40],
    // address = (address + 16) & 0xff0
    ...[0x20, address, 0x41, 16, 0x6a, 0x41, ...leb(0xff0), 0x71, 0x21, address],
    ...range(columns).flatMap((column) => [...load(column), 0x21, firstColumn + column]),
    ...range(rows).flatMap(addRow),
    // Round again while turns are left.
    ...[0x20, left, 0x41, 1, 0x6b, 0x22, left, 0x0d, 0],
    0x0b,
    // Sums that nobody reads might not be computed.
    ...range(rows * columns).flatMap((sum) => [0x41, 0, 0x20, firstSum + sum, ...store(sum)]),
    0x0b,
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [1, 4, ...new TextEncoder().encode("spin"), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

/** @param {typeof kinds[PeakKind]} kind @param {number} sum @param {number} column */
function multiplyAdd({ multiply, add, fused }, sum, column) {
  const operands = [0x20, rowVector, 0x20, column];
  if (fused) return [...operands, 0x20, sum, ...fused, 0x21, sum];
  return [0x20, sum, ...operands, ...multiply, ...add, 0x21, sum];
}

/** @param {number} vector */
function load(vector) {
  return [0x20, address, 0xfd, 0x00, 4, ...leb(vector * 16)];
}

/** @param {number} vector */
function store(vector) {
  return [0xfd, 0x0b, 4, ...leb(8192 + vector * 16)];
}

/** @param {number} id @param {number[]} content */
function section(id, content) {
  return [id, ...leb(content.length), ...content];
}

/** An unsigned LEB128 number. @param {number} value */
function leb(value) {
  const bytes = [];
  let rest = value;
  do {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** @param {number} count */
function range(count) {
  return Array.from({ length: count }, (_, index) => index);
}
