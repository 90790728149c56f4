"""Writes tests/native/operators.txt, what ONNX defines of its operators: `pip install onnx==1.22`, `python tests/schemas.py`."""

from collections import defaultdict
from pathlib import Path

from onnx import defs

NAMES = {"float": "float32", "double": "float64"}
# Of operator set 28, which onnx 1.22 does not hold.
NEWER = ["ai.onnx SwiGLU 28 0 bfloat16 float16 float32 float64"]


def is_main(entry):
    return entry.option != defs.OpSchema.FormalParameterOption.Optional or entry.name == "y_zero_point"


def main_input(schema):
    """The input whose type the definition leaves most open, and its types; of those left out, only the one that is quantised to."""
    types = {constraint.type_param_str: constraint.allowed_type_strs for constraint in schema.type_constraints}
    rows = [(len(types.get(entry.type_str, [])), -index) for index, entry in enumerate(schema.inputs) if is_main(entry)]
    if not rows:
        return 0, []
    index = -max(rows)[1]
    allowed = types.get(schema.inputs[index].type_str, [schema.inputs[index].type_str])
    tensors = [text[7:-1] for text in allowed if text.startswith("tensor(")]
    return index, sorted(NAMES.get(text, text) for text in tensors if not text.startswith("complex"))


versions = defaultdict(dict)
for schema in defs.get_all_schemas_with_history():
    domain = schema.domain or "ai.onnx"
    if domain in ("ai.onnx", "ai.onnx.ml", "ai.onnx.preview"):
        versions[domain, schema.name][schema.since_version] = schema

lines = list(NEWER)
for (domain, name), schemas in versions.items():
    live = {version: schema for version, schema in schemas.items() if not schema.deprecated}
    index, types = main_input(live[max(live)])
    lines.append(" ".join([domain, name, ",".join(map(str, sorted(live))), str(index), *types]))
about = "# Domain, name, versions, and the input whose type is the most open with its types: written by tests/schemas.py.\n"
Path(__file__).parent.joinpath("native/operators.txt").write_text(about + "\n".join(sorted(lines)) + "\n")
