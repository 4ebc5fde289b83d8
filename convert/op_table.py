"""The BITMAR_* ops as ops/include/bitmar_ops.def lists them: names, versions, tensors and attribute names.

The same table makes the C of ops/; what each op computes stands in docs/custom-ops.md.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from bitmar.errors import BitmarError

TABLE = Path(__file__).resolve().parents[1] / "ops" / "include" / "bitmar_ops.def"
ROW = re.compile(r'^BM_OP\((\w+), \w+, (\d+), "([fiu]+[FIU]?)", "([fiu]+)", ?(.*)\)$', re.MULTILINE)


@dataclass(frozen=True)
class Op:
    """One op of the table."""

    name: str  # "BITMAR_TERNARY_FC"
    version: int
    inputs: str  # a letter for each tensor: f float32, i int32, u uint8; a capital: may be left out
    outputs: str
    attributes: tuple[str, ...]  # integers in its options, beside "version"

    @property
    def needed(self) -> int:
        """How many inputs cannot be left out."""
        return sum(letter.islower() for letter in self.inputs)

    def options(self, *values: int) -> dict[str, int]:
        """The op's options with these attribute values, in the table's order.

        Raises: ValueError: more or fewer values than attributes.
        """
        return {"version": self.version, **dict(zip(self.attributes, values, strict=True))}


@functools.cache
def ops() -> dict[str, Op]:
    """Every op by its name, in the table's order."""
    rows = ROW.findall(TABLE.read_text(encoding="utf-8"))
    return {
        f"BITMAR_{name}": Op(
            f"BITMAR_{name}", int(version), inputs, outputs, tuple(re.findall(r"BM_ATTR\((\w+)\)", attributes))
        )
        for name, version, inputs, outputs, attributes in rows
    }


def check(where: str, name: str, options: dict[str, object]) -> None:
    """Checks a custom op of a flatbuffer; `where` (a file's name) begins every error.

    Raises: BitmarError: an op that is not in the table, another version of one, an attribute that is missing or no integer >= 0.
    """
    op = ops().get(name)
    if op is None:
        raise BitmarError(f"{where}: unknown op {name}; known: {', '.join(ops())}")
    if options.get("version") != op.version:
        raise BitmarError(f"{where}: {name} has version {options.get('version')}, expected {op.version}")
    for attribute in op.attributes:
        value = options.get(attribute)
        if type(value) is not int or value < 0:
            raise BitmarError(f"{where}: {name}: attribute {attribute!r} is {value!r}, expected an integer from 0 on")
