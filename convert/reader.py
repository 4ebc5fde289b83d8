"""Reads converted flatbuffers back: ops, attributes and ternary matrices, by TensorFlow Lite's object API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from bitmar.errors import BitmarError
from convert import op_table
from convert.layouts import LAYOUT_NAMES, unpack

BUILTIN_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


def parse(blob: bytes, where: str) -> schema.ModelT:
    """The object tree of a flatbuffer; `where` (a file's name) begins every error.

    Raises: BitmarError: not a TensorFlow Lite flatbuffer.
    """
    if blob[4:8] != b"TFL3":
        raise BitmarError(f"{where}: not a TensorFlow Lite flatbuffer (identifier TFL3 missing)")
    try:
        return schema.ModelT.InitFromPackedBuf(blob)
    except Exception as error:  # the generated code raises whatever the broken offsets lead to
        raise BitmarError(f"{where}: broken flatbuffer: {error}") from None


def read(path: Path) -> schema.ModelT:
    """`parse` of a file, with the ops' versions checked.

    Raises: BitmarError: cannot be read, not a flatbuffer, an unknown BITMAR_* op or another version of one.
    """
    try:
        model = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}") from None
    check_ops(model, str(path))
    return model


def op_name(model: schema.ModelT, op: schema.OperatorT) -> str:
    """ "BITMAR_TERNARY_FC", "ADD", ..."""
    code = model.operatorCodes[op.opcodeIndex]
    return code.customCode.decode() if is_custom(model, op) else BUILTIN_NAMES[code.builtinCode]


def is_custom(model: schema.ModelT, op: schema.OperatorT) -> bool:
    """Whether an operator is none of TensorFlow Lite's own."""
    return model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.CUSTOM


def attributes(op: schema.OperatorT) -> dict[str, int]:
    """A custom op's attributes: the integers of its flexbuffer map."""
    return flexbuffers.GetRoot(np.asarray(op.customOptions, np.uint8).tobytes()).AsMap.Value


def constant(model: schema.ModelT, tensor: int) -> np.ndarray:
    """The bytes of a constant tensor, uint8 [n] (empty: not a constant)."""
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return np.zeros(0, np.uint8) if data is None else np.asarray(data, np.uint8)


def check_ops(model: schema.ModelT, where: str) -> None:
    """Raises BitmarError for a custom op that is not one of ours, is of another version or lacks an attribute."""
    for op in model.subgraphs[0].operators:
        if is_custom(model, op):
            op_table.check(where, op_name(model, op), attributes(op))


@dataclass(frozen=True)
class TernaryMatrix:
    """One packed matrix in a flatbuffer."""

    name: str  # of its layer: "text/block_0/attention/qkv"
    op: str  # the first op that reads it
    layout: str
    rows: int
    cols: int
    packed: np.ndarray  # uint8 [bytes]
    gamma: np.ndarray  # float32 [1] or [rows]

    @property
    def codes(self) -> np.ndarray:
        """int8 [rows, cols] in {-1, 0, 1}."""
        return unpack(self.packed, self.layout, self.rows, self.cols)


def ternary_matrices(model: schema.ModelT) -> Iterator[TernaryMatrix]:
    """Every packed matrix once, in the order in which the graph's ops first read it."""
    graph, seen = model.subgraphs[0], set()
    for op in graph.operators:
        if not op_name(model, op).startswith("BITMAR_TERNARY") or op.inputs[1] in seen:
            continue
        seen.add(op.inputs[1])
        has = attributes(op)
        yield TernaryMatrix(
            name=graph.tensors[op.inputs[1]].name.decode().removesuffix("/weights"),
            op=op_name(model, op),
            layout=LAYOUT_NAMES[has["layout"]],
            rows=has["rows"],
            cols=has["cols"],
            packed=constant(model, op.inputs[1]),
            gamma=constant(model, op.inputs[2]).view(np.float32),
        )
