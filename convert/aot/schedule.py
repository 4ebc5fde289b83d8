"""The order of the operators, which of them run tile by tile, and which tensors share memory.

Most operators work token by token (normalisation, ternary matrices, element-wise sums). A run of such operators becomes
one loop over a few tokens at a time: what only the run itself uses is then never stored for all tokens. So the hidden
layer, four times as wide as the text, needs a few rows instead of the largest buffer of the model, and the weights are
still read once for several tokens. Attention goes query by query over keys and values that are complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from convert.aot.arena import Buffer
from convert.aot.graph import Graph, Operator, Tensor
from convert.aot.scratch import scratch_bytes
from convert.aot.stream import start_of

ALIASES = {"RESHAPE", "EXPAND_DIMS", "SQUEEZE"}
ATTENTION = "BITMAR_ATTENTION"
ROW_WISE = {"BITMAR_TERNARY_FC", "BITMAR_TERNARY_EMBEDDING", "BITMAR_RMS_NORM", ATTENTION, "ADD", "SUB", "MUL", "RELU"}
IN_PLACE = {"BITMAR_RMS_NORM", "ADD", "SUB", "MUL", "RELU"}


@dataclass
class Step:
    """Operators that run together: `rows` > 1 is a loop over that many tokens, 1 a plain sequence."""

    operators: list[Operator]
    rows: int


class Schedule:
    """Order, storage and lifetimes of one graph for tiles of `tile` tokens.

    `short`: a loop ends with every sum that is all that is still needed of it: the residual stream, which exists for all tokens.
    `start_steps` run once, when a stream begins; `steps` are they and, after them, those that run for every token.
    """

    def __init__(self, graph: Graph, tile: int, short: bool = False) -> None:
        self.graph = graph
        self.tile = tile
        self.start = start_of(graph)
        self.alias = {o.outputs[0].index: o.inputs[0].index for o in graph.operators if o.kind in ALIASES}
        work = [o for o in graph.operators if o.kind not in ALIASES]
        early = [o for o in work if o.index in self.start.operators]
        late = [o for o in work if o.index not in self.start.operators]
        self.start_steps = _steps(early, self.alias, short)
        self.steps = self.start_steps + _steps(late, self.alias, short)
        self.time = {o.index: t for t, o in enumerate(o for step in self.steps for o in step.operators)}
        self.step_of = {o.index: step for step in self.steps for o in step.operators}
        self._share_in_place()
        self.buffers: dict[int, Buffer] = {}
        self.scratch: dict[int, Buffer] = {}
        self._lifetimes()

    def root(self, tensor: Tensor) -> int:
        """The tensor whose memory this one uses."""
        return _root(self.alias, tensor.index)

    def tile_rows(self, step: Step) -> int:
        """Rows of a step that run together: the largest divisor of its rows within the tile."""
        return next(n for n in range(min(self.tile, step.rows), 0, -1) if step.rows % n == 0)

    def is_tiled(self, tensor: Tensor) -> bool:
        """Only a few rows of this tensor exist at a time."""
        return self.root(tensor) in self._tiled

    def all_buffers(self) -> list[Buffer]:
        """Everything that needs a place in the arena."""
        return [*self.buffers.values(), *self.scratch.values()]

    def _touching(self, root: int) -> list[Operator]:
        return [
            o
            for step in self.steps
            for o in step.operators
            if any(t.data is None and self.root(t) == root for t in o.inputs + o.outputs)
        ]

    def _fixed(self) -> set[int]:
        """Tensors that live from or to the outside of the graph."""
        outside = [*self.graph.inputs.values(), *self.graph.outputs.values()]
        return {self.root(t) for t in outside} | {self.root(t) for t in self.graph.tensors if t.variable}

    def _kept(self) -> set[int]:
        """Tensors that every token of a stream reads and that none computes."""
        later = [o for o in self.graph.operators if o.index not in self.start.operators]
        return {self.root(t) for o in later for t in o.inputs if t.index in self.start.tensors}

    def _share_in_place(self) -> None:
        """Let a result overwrite what nothing reads any more: an element-wise result its operand, and inside a loop
        any tensor of the same shape whose last reader stands earlier in the loop (rows before, rows after)."""
        for step in self.steps:
            whole = {self.root(t) for o in step.operators for t in read_whole(o) if t.data is None}
            for operator in step.operators:
                result = self.graph.tensors[self.root(operator.outputs[0])]
                if operator.kind not in ROW_WISE or result.index in self._fixed():
                    continue
                candidates = [t for t in operator.inputs if operator.kind in IN_PLACE]
                if step.rows > 1:
                    candidates += [
                        t for o in step.operators for t in o.inputs if self.time[o.index] < self.time[operator.index]
                    ]
                for candidate in candidates:
                    if self.root(candidate) not in whole and self._may_overwrite(candidate, result, operator):
                        self.alias[result.index] = self.root(candidate)
                        break

    def _may_overwrite(self, candidate: Tensor, result: Tensor, operator: Operator) -> bool:
        if candidate.data is not None or self.root(candidate) == result.index:
            return False
        old = self.graph.tensors[self.root(candidate)]
        kept = {self.root(t) for t in self.graph.outputs.values()} | {t.index for t in self.graph.tensors if t.variable}
        kept |= self._kept()
        last = max(self.time[o.index] for o in self._touching(old.index))
        return (
            old.index not in kept
            and (old.shape, old.bytes) == (result.shape, result.bytes)
            and last <= self.time[operator.index]
            and (last < self.time[operator.index] or operator.kind in IN_PLACE)
            and self._escapes(old.index) == self._escapes(result.index)
        )

    def _escapes(self, root: int) -> bool:
        """Needed in full: by the outside or by more than one step."""
        return root in self._fixed() or len({id(self.step_of[o.index]) for o in self._touching(root)}) > 1

    def _lifetimes(self) -> None:
        end = len(self.time)
        self._tiled: set[int] = set()
        inputs = {self.root(t) for t in self.graph.inputs.values()}
        outputs = {self.root(t) for t in self.graph.outputs.values()}
        variables = {self.root(t) for t in self.graph.tensors if t.variable}
        kept = self._kept()
        roots = {self.root(t) for t in self.graph.tensors if t.data is None and self._touching(self.root(t))}
        for root in sorted(roots | inputs | outputs | variables):
            tensor, users = self.graph.tensors[root], self._touching(root)
            times = [self.time[o.index] for o in users] or [0]
            steps = [self.step_of[o.index] for o in users]
            size, first, last = tensor.bytes, min(times), max(times)
            if users and steps[0].rows > 1 and not self._escapes(root):
                self._tiled.add(root)
                size = size // steps[0].rows * self.tile_rows(steps[0])
            else:
                for step in steps:  # a loop needs its full tensors from its first to its last operator
                    if step.rows > 1:
                        span = [self.time[o.index] for o in step.operators]
                        first, last = min(first, span[0]), max(last, span[-1])
            if root in inputs | variables:
                first = 0
            if root in outputs | variables | kept:
                last = end
            self.buffers[root] = Buffer(tensor.name, size, first, last)
        for step in self.steps:
            for o in step.operators:
                size = scratch_bytes(o, self.tile_rows(step) if step.rows > 1 else o.inputs[0].rows, self.tile)
                if size:
                    self.scratch[o.index] = Buffer(f"scratch {o.index}", size, self.time[o.index], self.time[o.index])


def read_whole(operator: Operator) -> list[Tensor]:
    """What a row-wise operator reads not only the rows of its own tokens of."""
    return operator.inputs[1:] if operator.kind == ATTENTION else []


def _root(alias: dict[int, int], index: int) -> int:
    while index in alias:
        index = alias[index]
    return index


def _row_count(operator: Operator) -> int:
    """Tokens that this operator treats one by one; 1 if it needs all of its input at once."""
    result = operator.outputs[0]
    if operator.kind not in ROW_WISE or result.rows < 2:
        return 1
    if operator.kind == "BITMAR_TERNARY_EMBEDDING":
        return result.rows if operator.inputs[0].count == result.rows else 1
    if operator.kind == ATTENTION:
        return result.rows if operator.inputs[0].rows == result.rows else 1
    for tensor in operator.inputs:
        if tensor.data is None and tensor.rows not in (1, result.rows):
            return 1
    return result.rows


def _steps(operators: list[Operator], alias: dict[int, int], short: bool) -> list[Step]:
    """List scheduling: while an operator of the open loop's row count is ready it joins the loop."""
    producer = {_root(alias, t.index): o.index for o in operators for t in o.outputs}
    order = {o.index: place for place, o in enumerate(operators)}
    waiting, done, steps = list(operators), set(), []

    def sources(tensors: list[Tensor]) -> set[int]:
        roots = (_root(alias, t.index) for t in tensors if t.data is None)
        return {producer[r] for r in roots if r in producer}

    closed = False
    while waiting:
        ready = [o for o in waiting if sources(o.inputs + o.after) <= done]
        open_step = steps[-1] if steps and steps[-1].rows > 1 and not closed else None
        inside = {o.index for o in open_step.operators} if open_step else set()
        joining = [
            o
            for o in ready
            if open_step
            and _row_count(o) == open_step.rows
            and not sources(read_whole(o) + o.after) & inside
            and _rows_match(o, alias, producer, inside)
        ]
        chosen = min(joining or ready, key=lambda o: order[o.index])
        if joining:
            open_step.operators.append(chosen)
        else:
            steps.append(Step([chosen], _row_count(chosen)))
        waiting.remove(chosen)
        done.add(chosen.index)
        inside = {o.index for o in steps[-1].operators}
        closed = (
            short
            and chosen.kind == "ADD"
            and inside & set().union(*(sources(o.inputs) for o in waiting)) == {chosen.index}
        )
    return steps


def _rows_match(operator: Operator, alias: dict[int, int], producer: dict[int, int], inside: set[int]) -> bool:
    """What comes from the open loop comes row by row: same rows as the result, not seen through a reshape."""
    from_loop = [t for t in operator.inputs if t.data is None and producer.get(_root(alias, t.index)) in inside]
    return all(t.index not in alias and t.rows == operator.outputs[0].rows for t in from_loop)
