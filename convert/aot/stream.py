"""What stays the same over a stream of tokens: it is computed once, when the stream begins."""

from __future__ import annotations

from dataclasses import dataclass

from convert.aot.graph import Graph


@dataclass
class Start:
    """The part of a graph that depends on nothing but constants and the inputs that stay the same."""

    operators: set[int]
    tensors: set[int]  # those inputs, and what the operators compute


def start_of(graph: Graph) -> Start:
    """Found from what depends on what. A variable tensor changes with every token: what reads one is not in it."""
    found = Start(set(), {tensor.index for name, tensor in graph.inputs.items() if name in graph.stream})
    if not graph.stream:
        return found
    for operator in graph.operators:  # in an order in which they can run, as in every flatbuffer
        if all(t.data is not None or t.index in found.tensors for t in operator.inputs):
            found.operators.add(operator.index)
            found.tensors |= {t.index for t in operator.outputs}
    return found
