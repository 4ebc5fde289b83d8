"""Which loops may end after the last token that the mask names, found from what depends on what.

A row of padding reaches a result in two ways only, attention and the ends of the text's operators. Masked keys take no part in
attention, and what leaves the text is multiplied by the mask. So the rows after the last used one need not be computed: the
rows of that product are set to 0, which is what the product would give, or -0, which is the same to the ternary matrix that
reads it: both are quantised to 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from convert.aot.graph import Graph, Operator, Tensor
from convert.aot.schedule import ALIASES, ATTENTION, Schedule, Step


@dataclass
class UsedRows:
    """How the rows of padding are left out of a graph: `mask` int32 [rows] tells which rows are used."""

    mask: Tensor
    rows: int
    zeroed: list[Tensor] = field(default_factory=list)  # products with the mask, read as a whole
    masked_keys: set[int] = field(default_factory=set)  # attentions (operator indices) whose keys are cut too
    idle: set[int] = field(default_factory=set)  # operators that nothing needs if no row is used

    def cuts(self, step: Step) -> bool:
        """The loop over this step's rows ends after the last used one."""
        return step.rows == self.rows

    def is_idle(self, step: Step) -> bool:
        """Nothing needs this step if no row is used."""
        return all(o.index in self.idle for o in step.operators)


def used_rows(graph: Graph, schedule: Schedule) -> UsedRows | None:
    """None for a graph without a mask, or where a row of padding could reach a result."""
    for attention in graph.operators:
        if attention.kind != ATTENTION:
            continue
        mask = attention.inputs[2]
        if mask.index in {t.index for t in graph.inputs.values()} and mask.count > 1:
            found = UsedRows(mask, mask.count)
            return found if _rows_are_independent(graph, schedule, found) else None
    return None


def _rows_are_independent(graph: Graph, schedule: Schedule, found: UsedRows) -> bool:
    """Follow the tensors that have a row for each token; fills in `found`."""
    origin = {o.outputs[0].index: o.inputs[0].index for o in graph.operators if o.kind in ALIASES}

    def source(tensor: Tensor) -> int:
        index = tensor.index
        while index in origin:
            index = origin[index]
        return index

    operators = [o for step in schedule.steps for o in step.operators]
    looped = {o.index for step in schedule.steps if found.cuts(step) for o in step.operators}
    casts = {o.outputs[0].index for o in operators if o.kind == "CAST" and source(o.inputs[0]) == found.mask.index}
    made: dict[int, Operator] = {}  # by tensor: its rows of padding are not computed
    for operator in operators:
        if operator.index in looped:
            made |= {tensor.index: operator for tensor in operator.outputs}
    outputs = {source(t) for t in graph.outputs.values()}
    if outputs & set(made):
        return False
    whole: set[int] = set()  # read row after row, padding included
    for operator in operators:
        for place, tensor in enumerate(operator.inputs):
            if tensor.data is not None or source(tensor) not in made:
                continue
            if operator.kind == ATTENTION and place == 1 and operator.index in looped:
                if source(operator.inputs[2]) != found.mask.index:
                    return False
                found.masked_keys.add(operator.index)
                continue
            if operator.index in looped:
                continue
            if operator.kind != "BITMAR_TERNARY_FC":
                return False
            whole.add(source(tensor))
    for index in sorted(whole):
        product = made[index]
        if product.kind != "MUL" or not any(source(t) in casts for t in product.inputs):
            return False
        found.zeroed.append(product.outputs[0])
    found.idle = _idle(operators, source, looped, outputs)
    return True


def _idle(operators: list[Operator], source, cut: set[int], outputs: set[int]) -> set[int]:
    """Operators outside of the loops whose results only cut ones read."""
    idle: set[int] = set()
    for operator in reversed(operators):
        results = {t.index for t in operator.outputs}
        readers = {o.index for o in operators if any(t.data is None and source(t) in results for t in o.inputs)}
        if operator.index not in cut and not results & outputs and readers and readers <= cut | idle:
            idle.add(operator.index)
    return idle
