/** docs/operators.md, of what tests/native/conformance.rs reports. */

/** Types that are named together where an operator has all of them. */
const groups = {
  floats: ["float32", "float64", "float16", "bfloat16"],
  ints: ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
  float8: ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"],
  nibbles: ["int4", "uint4", "int2", "uint2"],
};

/** Of each operator: the versions that define it, the types that it is tested with, how many node tests use it and pass. */
function readRows(text) {
  const rows = new Map();
  for (const line of text.trim().split("\n")) {
    const [domain, name, result, detail] = line.split(" ");
    const key = `${domain} ${name}`;
    const row = rows.get(key) ?? { domain, name, versions: undefined, types: new Set(), passed: 0, total: 0 };
    rows.set(key, row);
    if (result === "registered") {
      row.versions = detail.replaceAll(",", ", ");
      continue;
    }
    const passes = result === "passed" || result === "typed";
    if (passes && detail !== "-") row.types.add(detail);
    if (result === "typed") continue;
    row.total += 1;
    row.passed += Number(result === "passed");
  }
  return [...rows.values()];
}

function describeTypes(types) {
  const left = new Set(types);
  const named = [];
  for (const [name, members] of Object.entries(groups)) {
    if (!members.every((member) => left.has(member))) continue;
    named.push(name);
    for (const member of members) left.delete(member);
  }
  return [...named, ...[...left].sort()].join(", ");
}

/** @param {string} report */
export function writeTable(report) {
  const rows = readRows(report);
  const compare = (a, b) => (a < b ? -1 : Number(a > b));
  rows.sort((a, b) => compare(a.domain, b.domain) || compare(a.name, b.name));
  const runs = rows.filter((row) => row.versions);
  const others = rows.filter((row) => !row.versions && row.passed < row.total);
  const describe = ({ domain, name, versions, types, passed, total }) => {
    const tests = total ? `${passed}/${total}` : "-";
    return `| \`${domain}\` | \`${name}\` | ${versions} | ${describeTypes(types) || "-"} | ${tests} |`;
  };
  const missing = others.map(({ domain, name }) => (domain === "ai.onnx" ? name : `${domain}.${name}`));
  const list = (name) => `  ${name} are ${groups[name].join(", ")}`;
  return `# Operators

Written by \`npm run conformance\`; do not edit. Edgewise runs models of the ONNX operator sets 1 to 28 that are made of these
${runs.length} operators, of Constant, which is a weight by another name, and of the model's own functions. \`com.microsoft\` holds
operators that onnxruntime adds. \`ImageDecoder\` runs in builds with the Cargo feature \`image-decoder\`, which the npm package leaves
out, since its decoders would make the wasm larger by a third.

- Versions: those of the operator set that define the operator anew. All run; tests/native/types.rs and legacy.rs compare them.
- Types: of the input whose type the definition leaves most open, in tests that pass: the ONNX backend node tests (onnx 1.22), and
  tests/native/types.rs, which compares the types with one another.
${Object.keys(groups).map(list).join(";\n")}.
- Node tests: those in whose graphs the operator stands, and how many of them pass; tests/native/conformance.txt says why the others
  do not.

| Domain | Operator | Versions | Types | Node tests |
| --- | --- | --- | --- | --- |
${runs.map(describe).join("\n")}

Operators of the node tests that do not run: ${missing.join(", ")}.
`;
}
