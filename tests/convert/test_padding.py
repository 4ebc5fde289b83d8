"""Property: the ops that leave out padding are those whose padding reaches nothing, and every result keeps its bits."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from bitmar.runtime import Graph
from convert import reader
from convert.op_table import ops
from convert.padding import leave_out_padding
from tests.bitmar.graph_file import GraphFile
from tests.convert.conftest import SHIPPED

T, WIDTH = 6, 8


def used(model) -> list[int]:
    """Numbers of the operators that know which rows are padding."""
    return [
        i
        for i, op in enumerate(model.subgraphs[0].operators)
        if reader.is_custom(model, op) and len(op.inputs) > ops()[reader.op_name(model, op)].needed
    ]


def without_used(path: Path, out: Path) -> Path:
    """The same graph, all rows computed."""
    model = reader.read(path)
    for i in used(model):
        op = model.subgraphs[0].operators[i]
        op.inputs = op.inputs[:-1]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    out.write_bytes(bytes(builder.Output()))
    return out


def test_encodings_have_the_bits_of_the_graph_that_computes_every_row(tmp_path: Path) -> None:
    whole, cut = (
        Graph(without_used(SHIPPED / "encoder.tflite", tmp_path / "whole.tflite")),
        Graph(SHIPPED / "encoder.tflite"),
    )
    rng, rows = np.random.default_rng(8), whole.shape("tokens")[0]
    for i in range(3 * rows):
        count = int(rng.integers(0, rows + 1)) if i >= rows else i
        mask = (np.arange(rows) < count).astype(np.int32)
        if i % 5 == 4:
            mask &= rng.integers(0, 2, rows, np.int32)  # with gaps
        inputs = {
            "tokens": rng.integers(0, 1000, rows, np.int32),
            "mask": mask,
            "vision": rng.normal(size=(1, 768)).astype(np.float32) * (i % 3),
        }
        expected, found = whole.run(**inputs), cut.run(**inputs)
        for name, value in expected.items():
            assert found[name].tobytes() == value.tobytes(), (i, name)


def test_every_row_of_the_text_is_left_out_and_nothing_of_the_picture() -> None:
    model = reader.read(SHIPPED / "encoder.tflite")
    graph = model.subgraphs[0]
    found, (rows,) = used(model), next(t.shape for t in graph.tensors if t.name == b"mask")
    for i, op in enumerate(graph.operators):
        name, result = reader.op_name(model, op), graph.tensors[op.outputs[0]]
        by_rows = name in ("BITMAR_TERNARY_FC", "BITMAR_RMS_NORM", "BITMAR_ATTENTION")
        assert (i in found) == (by_rows and result.shape[0] == rows), result.name
    assert not used(reader.read(SHIPPED / "decoder.tflite"))


def attention_graph(folder: Path, read_by: str):
    """Attention of a text to itself, and something that reads its result."""
    graph = GraphFile()
    x, mask = graph.input("x", "float32", (T, 3 * WIDTH)), graph.input("mask", "int32", (T,))
    attrs = {"version": 1, "heads": 2, "width": WIDTH, "q_offset": 0, "k_offset": WIDTH, "v_offset": 2 * WIDTH}
    (mixed,) = graph.op("BITMAR_ATTENTION", [x, x, mask], {"mixed": "float32"}, attrs)
    gain = graph.constant(np.ones(WIDTH, np.float32))
    (normed,) = graph.op("BITMAR_RMS_NORM", [mixed, gain], {"normed": "float32"}, {"version": 1})
    keys = graph.constant(np.ones(T, np.int32)) if read_by == "unmasked keys" else mask
    query = graph.input("query", "float32", (1, WIDTH))
    attrs = {**attrs, "k_offset": 0, "v_offset": 0}
    (out,) = graph.op("BITMAR_ATTENTION", [query, normed, keys], {"out": "float32"}, attrs)
    graph.outputs = [("normed", normed)] if read_by == "the outside" else [("out", out)]
    for tensor, shape in ((mixed, (T, WIDTH)), (normed, (T, WIDTH)), (out, (1, WIDTH))):
        graph.tensors[tensor].shape = np.array(shape, np.int32)
    return reader.read(graph.write(folder / "graph.tflite"))


@pytest.mark.parametrize("read_by,expected", [("masked keys", [0, 1]), ("unmasked keys", []), ("the outside", [])])
def test_a_row_that_something_reads_is_computed(tmp_path: Path, read_by: str, expected: list[int]) -> None:
    model = attention_graph(tmp_path, read_by)
    leave_out_padding(model)
    assert used(model) == expected
