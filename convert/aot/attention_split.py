"""Self-attention's queries apart from its keys and values: then only keys and values are stored for all tokens.

The matrix `qkv` of a self-attention is two: its rows for the queries, and those for keys and values. The queries of a few
tokens are computed, from a normalisation of their own, where these tokens attend. Same codes, same bits.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from convert.aot.graph import Graph, Operator, Tensor
from convert.layouts import LAYOUT_NAMES, pack, unpack


def split_attentions(graph: Graph) -> None:
    """Rewrite every self-attention over more than one token that one ternary matrix feeds; others stay as they are."""
    made = {t.index: o for o in graph.operators for t in o.outputs}
    operators: list[Operator] = []
    numbers = itertools.count(max((o.index for o in graph.operators), default=0) + 1)
    for operator in graph.operators:
        source = made.get(operator.inputs[0].index) if operator.kind == "BITMAR_ATTENTION" else None
        if source is not None and _may_split(graph, operator, source):
            operators += _split(graph, operator, source, made.get(source.inputs[0].index), numbers)
        operators.append(operator)
    graph.operators = operators


def _may_split(graph: Graph, attention: Operator, source: Operator) -> bool:
    qkv, width = attention.inputs[0], attention.options["width"]
    offsets = tuple(attention.options[name] for name in ("q_offset", "k_offset", "v_offset"))
    readers = [o for o in graph.operators if any(t.index == qkv.index for t in o.inputs)]
    return (
        source.kind == "BITMAR_TERNARY_FC"
        and attention.inputs[1].index == qkv.index
        and readers == [attention]
        and qkv.index not in {t.index for t in graph.outputs.values()}
        and qkv.rows > 1
        and source.options["rows"] == 3 * width
        and offsets == (0, width, 2 * width)
        and source.options["layout"] in LAYOUT_NAMES
        and source.inputs[1].data is not None
        and source.inputs[2].data is not None
    )


def _split(
    graph: Graph, attention: Operator, source: Operator, before: Operator | None, numbers: Iterator[int]
) -> list[Operator]:
    """`source` keeps keys and values; returns what makes the queries."""
    x, packed, gamma = source.inputs
    options, qkv, width = source.options, source.outputs[0], attention.options["width"]
    layout = LAYOUT_NAMES[options["layout"]]
    codes = unpack(np.frombuffer(packed.data, np.uint8), layout, options["rows"], options["cols"])

    def added(like: Tensor, **changes) -> Tensor:
        tensor = dataclasses.replace(like, index=len(graph.tensors), **changes)
        graph.tensors.append(tensor)
        return tensor

    def matrix(name: str, rows: slice) -> list[Tensor]:
        data = pack(codes[rows], layout).tobytes()
        scales = gamma
        if gamma.count > 1:
            part = np.frombuffer(gamma.data, np.float32)[rows]
            scales = added(gamma, name=f"{gamma.name}/{name}", shape=(len(part),), data=part.tobytes())
        return [added(packed, name=f"{packed.name}/{name}", shape=(len(data),), data=data), scales]

    def numbered(kind: str, inputs: list[Tensor], output: Tensor, options: dict) -> Operator:
        return Operator(next(numbers), kind, inputs, [output], options)

    new: list[Operator] = []
    kv = added(qkv, name=f"{qkv.name}/kv", shape=(*qkv.shape[:-1], 2 * width))
    if before is not None and before.kind == "BITMAR_RMS_NORM":
        x = added(x, name=f"{x.name}/q")
        new.append(numbered(before.kind, before.inputs, x, before.options))
    q = added(qkv, name=f"{qkv.name}/q", shape=(*qkv.shape[:-1], width))
    new.append(numbered(source.kind, [x, *matrix("q", slice(0, width))], q, options | {"rows": width}))
    for operator in new:
        operator.after = [kv]
    source.inputs[1:] = matrix("kv", slice(width, 3 * width))
    source.outputs, source.options = [kv], options | {"rows": 2 * width}
    attention.inputs[:2] = [q, kv]
    attention.options = attention.options | {"q_offset": 0, "k_offset": 0, "v_offset": width}
    return new
