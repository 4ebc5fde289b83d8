"""Property: what Python reads of ops/include/bitmar_ops.def is what C reads of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from convert.op_table import TABLE, ops

PRINT = """
#include <stdio.h>
int main(void) {
#define BM_ATTR(name) " " #name
#define BM_OP(NAME, name, version, inputs, outputs, attributes) \\
  printf("BITMAR_%s %d %s %s%s\\n", #NAME, version, inputs, outputs, "" attributes);
#include "bitmar_ops.def"
}
"""


def test_python_reads_what_the_preprocessor_reads(tmp_path: Path) -> None:
    (tmp_path / "print.c").write_text(PRINT)
    subprocess.run(["cc", f"-I{TABLE.parent}", "print.c", "-o", "print"], cwd=tmp_path, check=True)
    lines = subprocess.run([tmp_path / "print"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines == [
        " ".join((op.name, str(op.version), op.inputs, op.outputs, *op.attributes)) for op in ops().values()
    ]
    assert len(lines) == len(re.findall(r"^BM_OP\(", TABLE.read_text(), re.MULTILINE)) >= 7


def test_values_get_the_names_of_the_table() -> None:
    op = ops()["BITMAR_TERNARY_TOPK"]
    assert op.options(1, 40, 5, 3) == {"version": op.version, "layout": 1, "rows": 40, "cols": 5, "k": 3}
    for values in ((1, 40, 5), (1, 40, 5, 3, 0)):
        with pytest.raises(ValueError):
            op.options(*values)


def test_the_page_of_the_ops_says_the_same() -> None:
    """docs/custom-ops.md: a section for each op, with its attributes in the table's order and the types of its tensors."""
    page = (TABLE.parents[2] / "docs" / "custom-ops.md").read_text()
    sections = dict(re.findall(r"^## (BITMAR_\w+)$(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(ops())
    for name, section in sections.items():
        rows = dict(re.findall(r"^\| (inputs|outputs?|attributes) \| (.*) \|$", section, re.MULTILINE))
        attributes = re.sub(r"\(.*?\)", "", rows["attributes"])
        assert re.findall(r"`(\w+)`", attributes.removeprefix("none but `version`")) == list(ops()[name].attributes), (
            name
        )
        assert types(rows["inputs"]) == ops()[name].inputs, name
        assert types(rows.get("output") or rows["outputs"]) == ops()[name].outputs, name


def types(row: str) -> str:
    """ "x [n]; ids, mask int32 [k]; used int32 [n] (may be left out)" -> "fiiI": float32 unless said."""
    letters = {"int32": "i", "uint8": "u"}
    found = ""
    for part in re.sub(r", variable tensors| const", "", row).split("; "):
        names, kind, optional = re.fullmatch(
            r"([\w, ]+?)(?: (int32|uint8))? \[.*\]( \(may be left out\))?", part
        ).groups()
        letter = letters.get(kind, "f")
        found += len(names.split(", ")) * (letter.upper() if optional else letter)
    return found
