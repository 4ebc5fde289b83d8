"""Which layout each ternary matrix gets in the firmware's flash: the one that a Cortex-M7 reads fastest, within a budget.

The flatbuffers have b3 or rm2, which every processor reads. pl14 takes 2 bits a weight and two thirds of the instructions or
less; c5 takes 1.6 bits like b3, and tables in RAM, which only the head is worth. Same codes, same bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bitmar.errors import BitmarError
from convert.aot.graph import Graph, Operator, Tensor
from convert.aot.scratch import HEADS
from convert.aot.stream import start_of
from convert.aot.weights import ALIGNMENT
from convert.layouts import LAYOUT_NAMES, LAYOUTS, pack, packed_bytes, unpack

BUDGET = 3_000_000  # bytes of all constants: what the tiny_edge configuration is made for
SEEING_BUDGET = 660_000  # of ultra_tiny's beside its eye: with code and cohort 3.4 MB
C5_CODE = 10_000  # bytes of c5's kernels, which a firmware without a matrix in c5 does not have
STEPS, TEXT = 8, 4  # decoder steps for one encoding, tokens of its text

# instructions of one token: for a weight, for a column (quantising, tables), for a row: benchmarks/kernels.py
COST = {"rm2": (1.09, 13, 4), "b3": (1.23, 11, 3), "pl14": (0.62, 14, 5), "c5": (0.64, 46, 4)}


@dataclass
class Matrix:
    """One packed constant and the operators that read it; equal constants of all graphs are one."""

    name: str
    layout: str
    rows: int
    cols: int
    data: bytes
    users: list[tuple[Operator, Tensor]] = field(default_factory=list)
    uses: int = 0  # multiplications by a token in one answer
    is_head: bool = False
    multiplied: int = 0  # rows of each multiplication at most, where they are not all

    def instructions(self, layout: str) -> int:
        """An estimate, for one answer."""
        per_weight, per_col, per_row = COST[layout]
        rows = self.multiplied or self.rows
        return round(self.uses * (per_weight * rows * self.cols + per_col * self.cols + per_row * rows))

    def bytes(self, layout: str) -> int:
        """Packed size."""
        return packed_bytes(layout, self.rows, self.cols)


def total_instructions(matrices: list[Matrix], layouts: dict[int, str]) -> int:
    """Of one answer, with a layout for each matrix (by its id)."""
    return sum(m.instructions(layouts[id(m)]) for m in matrices if m.uses)


def default_budget(graphs: list[Graph], sees: bool) -> int:
    """A small model makes room for its eye; for a large one the eye is little, and its token would take 1.4 times as long."""
    return SEEING_BUDGET if sees and _constant_bytes(graphs) <= SEEING_BUDGET else BUDGET


def repack(graphs: list[Graph], budget: int, c5_code: int = 0) -> list[dict]:
    """Choose a layout for every ternary matrix and write it into the graphs' constants and options.

    `budget`: bytes that all constants may take; where the flatbuffers' own are more, nothing changes. `c5_code`: bytes of it
    that a matrix in c5 takes for its kernels.
    Returns the choice: name, layout, bytes and instructions (estimated) of each matrix that is multiplied.
    """
    matrices = _matrices(graphs)
    left = budget - _constant_bytes(graphs) - ALIGNMENT * len(matrices)  # a new size may need another filling
    choices = [_within(matrices, left, "pl14"), _within(matrices, left - c5_code, "c5")]
    chosen = min(choices, key=lambda layouts: total_instructions(matrices, layouts))
    for matrix in matrices:
        _write(matrix, chosen[id(matrix)])
    return [
        {
            "name": m.name,
            "layout": chosen[id(m)],
            "bytes": m.bytes(chosen[id(m)]),
            "instructions": m.instructions(chosen[id(m)]),
        }
        for m in matrices
        if m.uses
    ]


def _constant_bytes(graphs: list[Graph]) -> int:
    """Of all constants in flash (convert/aot/weights.py)."""
    constants = {t.data for g in graphs for o in g.operators for t in o.inputs if t.data is not None}
    return sum(-(-len(data) // ALIGNMENT) * ALIGNMENT for data in constants)


def _matrices(graphs: list[Graph]) -> list[Matrix]:
    found: dict[tuple, Matrix] = {}
    for graph in graphs:
        start = start_of(graph).operators
        for operator in graph.operators:
            if not operator.kind.startswith("BITMAR_TERNARY_"):
                continue
            x, packed = operator.inputs[:2]
            layout, rows, cols = (operator.options[key] for key in ("layout", "rows", "cols"))
            if packed.data is None or layout not in LAYOUT_NAMES:
                continue  # refused with the operator's name when its call is written
            key = (packed.data, layout, rows, cols)
            matrix = found.setdefault(key, Matrix(packed.name, LAYOUT_NAMES[layout], rows, cols, packed.data))
            matrix.users.append((operator, packed))
            if operator.kind != "BITMAR_TERNARY_EMBEDDING":
                often = bool(graph.stream) and operator.index not in start
                matrix.uses += STEPS if often else min(x.rows, TEXT)
                matrix.is_head |= operator.kind in HEADS
            if operator.kind == "BITMAR_TERNARY_CLASS_TOPK":
                matrix.multiplied = min(rows, operator.options["shortlist"] + operator.options["class_words"])
    return list(found.values())


def _within(matrices: list[Matrix], left: int, head: str) -> dict[int, str]:
    """Layouts that take at most `left` bytes more: changes that save instructions, most for a byte first. By the matrix's id."""
    chosen = {id(m): m.layout for m in matrices}
    changes = [(m, head if m.is_head else "pl14") for m in matrices if m.uses]

    def gain(change: tuple[Matrix, str]) -> float:
        matrix, layout = change
        saved = matrix.instructions(matrix.layout) - matrix.instructions(layout)
        return saved / max(1, matrix.bytes(layout) - matrix.bytes(matrix.layout))

    for matrix, layout in sorted((c for c in changes if gain(c) > 0), key=gain, reverse=True):
        more = matrix.bytes(layout) - matrix.bytes(matrix.layout)
        if more <= left:
            chosen[id(matrix)] = layout
            left -= more
    return chosen


def _write(matrix: Matrix, layout: str) -> None:
    if layout == matrix.layout:
        return
    try:
        codes = unpack(np.frombuffer(matrix.data, np.uint8), matrix.layout, matrix.rows, matrix.cols)
    except ValueError as error:
        raise BitmarError(f"{matrix.name}: {error}; expected packed ternary weights") from error
    data = pack(codes, layout).tobytes()
    for operator, tensor in matrix.users:
        operator.options["layout"] = LAYOUTS[layout]
        tensor.data, tensor.shape = data, (len(data),)
