"""A .tflite file as tensors and operators, every shape checked against the op that uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from bitmar.errors import BitmarError
from convert import op_table
from convert.aot import flatbuffer

TYPES = {0: ("float", 4), 2: ("int32_t", 4), 3: ("uint8_t", 1), 4: ("int64_t", 8), 6: ("bool", 1), 9: ("int8_t", 1)}

# schema.fbs of TensorFlow Lite: the builtin operators that move data or compute exactly, element by element
BUILTINS = {
    0: "ADD",
    2: "CONCATENATION",
    18: "MUL",
    19: "RELU",
    22: "RESHAPE",
    36: "GATHER",
    41: "SUB",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    53: "CAST",
    65: "SLICE",
    70: "EXPAND_DIMS",
}
CUSTOM = 32


@dataclass
class Tensor:
    """One tensor of a graph. `data` is set for constants."""

    index: int
    name: str
    shape: tuple[int, ...]
    ctype: str
    item_bytes: int
    data: bytes | None = None
    variable: bool = False

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        return self.count * self.item_bytes

    @property
    def width(self) -> int:
        """Numbers in the last axis."""
        return self.shape[-1] if self.shape else 1

    @property
    def rows(self) -> int:
        """Rows of `width` numbers."""
        return self.count // self.width

    def __str__(self) -> str:
        return f"{self.ctype}[{', '.join(map(str, self.shape))}]"


@dataclass
class Operator:
    """One operator: `kind` is the builtin's or the custom op's name; `after`: what must be complete before it runs, unread."""

    index: int
    kind: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    options: dict = field(default_factory=dict)
    after: list[Tensor] = field(default_factory=list)


@dataclass
class Graph:
    """One flatbuffer's only subgraph; inputs and outputs by their names in the signature.

    `stream`: inputs that keep their values over a stream of calls (convert/aot/stream.py).
    """

    name: str
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    stream: tuple[str, ...] = ()


def load(path: Path, stream: tuple[str, ...] = ()) -> Graph:
    """The graph of a .tflite file. BitmarError: not a .tflite file, an op that this plan does not know, or of a version
    other than 1."""
    try:
        return _load(path, path.read_bytes(), stream)
    except (ValueError, KeyError, IndexError) as error:
        raise BitmarError(f"{path}: not a .tflite file of a converted model: {error}") from error


def _load(path: Path, data: bytes, stream: tuple[str, ...]) -> Graph:
    if data[4:8] != b"TFL3":
        raise ValueError(f"identifier {data[4:8]!r}, expected b'TFL3'")
    model = flatbuffer.root(data)
    subgraphs, buffers = model.tables(2), model.tables(4)
    if len(subgraphs) != 1:
        raise ValueError(f"{len(subgraphs)} subgraphs, expected 1")
    subgraph = subgraphs[0]
    tensors = [_tensor(i, table, buffers) for i, table in enumerate(subgraph.tables(0))]
    codes = [_code_name(path, table) for table in model.tables(1)]
    operators = [
        _operator(path, i, table, codes[table.scalar(0, "I")], tensors) for i, table in enumerate(subgraph.tables(3))
    ]
    names = _signature(model)
    inputs = {names[0].get(i, tensors[i].name): tensors[i] for i in subgraph.numbers(1, "i")}
    outputs = {names[1].get(i, tensors[i].name): tensors[i] for i in subgraph.numbers(2, "i")}
    inputs = {name: tensor for name, tensor in inputs.items() if not tensor.variable}
    return Graph(path.stem, tensors, operators, inputs, outputs, stream)


def _signature(model: flatbuffer.Table) -> tuple[dict[int, str], dict[int, str]]:
    """Names of the inputs and outputs by tensor index, from the first signature."""
    signatures = model.tables(7)
    if not signatures:
        return {}, {}
    sides = signatures[0].tables(0), signatures[0].tables(1)
    return tuple({table.scalar(1, "I"): table.text(0) for table in side} for side in sides)


def _tensor(index: int, table: flatbuffer.Table, buffers: list[flatbuffer.Table]) -> Tensor:
    kind = table.scalar(1, "b")
    if kind not in TYPES:
        raise ValueError(f"tensor {table.text(3)} has type {kind}, expected one of {sorted(TYPES)}")
    ctype, item_bytes = TYPES[kind]
    tensor = Tensor(index, table.text(3), tuple(table.numbers(0, "i")), ctype, item_bytes)
    tensor.variable = bool(table.scalar(5, "B"))
    content = buffers[table.scalar(2, "I")].bytes(0)
    if content and not tensor.variable:
        if len(content) != tensor.bytes:
            raise ValueError(f"tensor {tensor.name} has {len(content)} bytes, expected {tensor.bytes}")
        tensor.data = content
    return tensor


def _code_name(path: Path, table: flatbuffer.Table) -> str:
    code = max(table.scalar(0, "b"), table.scalar(3, "i"))
    if code == CUSTOM:
        return table.text(1)
    if code not in BUILTINS:
        raise BitmarError(
            f"{path}: builtin operator {code} has no ahead-of-time form, expected {', '.join(BUILTINS.values())}"
        )
    return BUILTINS[code]


def _operator(path: Path, index: int, table: flatbuffer.Table, kind: str, tensors: list[Tensor]) -> Operator:
    inputs = [tensors[i] for i in table.numbers(1, "i") if i >= 0]
    outputs = [tensors[i] for i in table.numbers(2, "i")]
    operator = Operator(index, kind, inputs, outputs)
    if kind.startswith("BITMAR_"):
        operator.options = flatbuffer.flexbuffer_map(table.bytes(5))
        op_table.check(str(path), kind, operator.options)
        operator.inputs = inputs[: op_table.ops()[kind].needed]  # which rows are padding, used_rows.py finds by itself
    else:
        operator.options = _builtin_options(kind, table.table(4))
    return operator


def _builtin_options(kind: str, table: flatbuffer.Table | None) -> dict:
    """The fields of schema.fbs that change what these operators compute."""
    if table is None:
        return {}
    if kind in ("ADD", "SUB", "MUL"):
        return {"activation": table.scalar(0, "b")}
    if kind == "CONCATENATION":
        return {"axis": table.scalar(0, "i"), "activation": table.scalar(1, "b")}
    if kind == "GATHER":
        return {"axis": table.scalar(0, "i"), "batch_dims": table.scalar(1, "i")}
    if kind == "STRIDED_SLICE":
        names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
        return {name: table.scalar(i, "i") for i, name in enumerate(names)}
    return {}
