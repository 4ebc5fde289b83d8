"""Which rows are padding: tells the ops of a converted graph not to compute them.

A row after the mask's last entry that is not 0 reaches a result in two ways only: as a key of attention, where the mask leaves
it out, or through a product with the mask, whose rows are 0 whatever the row was. So where that is all that happens to a tensor,
the ops that make it and can (`used` in docs/custom-ops.md) get the mask as their last input. Results keep their bits: a 0 in
place of a -0 is quantised to the same 0 by the ternary matrix that reads the product.
"""

from __future__ import annotations

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convert.op_table import ops
from convert.reader import op_name

ELEMENTWISE = ("ADD", "SUB", "MUL", "RELU")
BY_ROWS = ("BITMAR_TERNARY_FC", "BITMAR_RMS_NORM", *ELEMENTWISE)


def leave_out_padding(model: schema.ModelT) -> None:
    """Adds the input `used` to the ops of a graph whose rows of padding need not be computed; nothing without a mask."""
    graph = model.subgraphs[0]
    names = [op_name(model, op) for op in graph.operators]
    attentions = [op for op, name in zip(graph.operators, names, strict=True) if name == "BITMAR_ATTENTION"]
    masks = {int(op.inputs[2]) for op in attentions} & {int(i) for i in graph.inputs}
    if len(masks) != 1:
        return
    (mask,) = masks
    padding = _Padding(graph, names, mask)
    for op, name in zip(graph.operators, names, strict=True):
        table = ops().get(name)
        if table and len(op.inputs) == table.needed < len(table.inputs) and int(op.outputs[0]) in padding.ignored:
            op.inputs = np.append(op.inputs, mask).astype(np.int32)


class _Padding:
    """Follows the tensors of a graph with a row for each entry of the mask."""

    def __init__(self, graph: schema.SubGraphT, names: list[str], mask: int) -> None:
        self.graph, self.mask = graph, mask
        self.rows = int(np.prod(graph.tensors[mask].shape))
        self.outputs = {int(i) for i in graph.outputs}
        self.readers: dict[int, list[tuple[str, schema.OperatorT]]] = {}
        self.makers: dict[int, tuple[str, schema.OperatorT]] = {}
        for name, op in zip(names, graph.operators, strict=True):
            for tensor in {int(i) for i in op.inputs}:
                self.readers.setdefault(tensor, []).append((name, op))
            self.makers |= {int(i): (name, op) for i in op.outputs}
        self.ignored: set[int] = set()  # tensors on whose rows of padding nothing depends that comes out of the graph
        for op in reversed(graph.operators):  # those that read a result come behind the one that makes it
            self.ignored |= {int(i) for i in op.outputs if self._is_ignored(int(i))}

    def _has_rows(self, tensor: int) -> bool:
        shape = self.graph.tensors[tensor].shape
        return len(shape) == 2 and int(shape[0]) == self.rows and self.rows > 1

    def _is_factor(self, tensor: int) -> bool:
        """The mask as a column of 0.0 and 1.0."""
        while tensor in self.makers and self.makers[tensor][0] in ("CAST", "RESHAPE"):
            tensor = int(self.makers[tensor][1].inputs[0])
        return tensor == self.mask

    def _is_quantised(self, tensor: int) -> bool:
        """Read by ternary matrices only, which see no difference between 0 and -0."""
        readers = self.readers.get(tensor, [])
        return (
            tensor not in self.outputs
            and bool(readers)
            and all(
                name == "BITMAR_TERNARY_FC" or (name == "RESHAPE" and self._is_quantised(int(op.outputs[0])))
                for name, op in readers
            )
        )

    def _is_ignored(self, tensor: int) -> bool:
        readers = self.readers.get(tensor, [])
        return (
            self._has_rows(tensor)
            and tensor not in self.outputs
            and bool(readers)
            and all(self._ignores(name, op, tensor) for name, op in readers)
        )

    def _ignores(self, name: str, op: schema.OperatorT, tensor: int) -> bool:
        inputs, result = [int(i) for i in op.inputs], int(op.outputs[0])
        if name == "BITMAR_ATTENTION":
            masked = tensor != inputs[1] or inputs[2] == self.mask
            return masked and tensor != inputs[2] and (tensor != inputs[0] or result in self.ignored)
        if name == "MUL" and any(self._is_factor(i) for i in inputs):
            return self._has_rows(result) and self._is_quantised(result)
        return name in BY_ROWS and self._has_rows(result) and result in self.ignored
