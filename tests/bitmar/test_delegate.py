"""Property: a flatbuffer that does not fit is refused with the op's name and the reason, in both runtimes; loading and dropping
models leaves nothing behind, in any order of destruction, and threads do not disturb each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bitmar.graph_file import GraphFile
from tests.bitmar.op_cases import add_matrix, matrix_attrs, ternary
from tests.bitmar.runtimes import NAMES, run_python
from tests.kernels import spec

PROBE = Path(__file__).with_name("delegate_probe.py")
W = ternary(np.random.default_rng(3), 20, 8)
GAMMA = np.array([0.5], np.float32)
ATTRS = matrix_attrs(W, spec.B3, activation=0)


def fc_file(folder: Path, attrs: object = ATTRS, cols: int = 8, rows: int = 20) -> Path:
    graph = GraphFile()
    inputs = [graph.input("x", "float32", (3, cols)), *add_matrix(graph, W[:rows], GAMMA, spec.B3)]
    graph.op("BITMAR_TERNARY_FC", inputs, {"y": "float32"}, attrs)
    return graph.write(folder / "fc.tflite")


def without(attrs: dict[str, int], key: str) -> dict[str, int]:
    return {name: value for name, value in attrs.items() if name != key}


REFUSED = {
    "version": (fc_file, (ATTRS | {"version": 2},), "BITMAR_TERNARY_FC: version 2, expected 1"),
    "no version": (fc_file, (without(ATTRS, "version"),), "attribute 'version' is missing"),
    "no rows": (fc_file, (without(ATTRS, "rows"),), "attribute 'rows' is missing"),
    "text": (fc_file, (ATTRS | {"rows": "many"},), "attribute 'rows' is not an integer"),
    "negative": (fc_file, (ATTRS | {"rows": -1},), "attribute 'rows' is -1"),
    "huge": (fc_file, (ATTRS | {"rows": 1 << 40},), "attribute 'rows' is 1099511627776"),
    "layout": (fc_file, (ATTRS | {"layout": 9},), "layout 9"),
    "activation": (fc_file, (ATTRS | {"activation": 5},), "activation 5, expected 0 or 1"),
    "columns": (fc_file, (ATTRS, 9), "input 0 has 9 columns, expected 8"),
    "packed size": (fc_file, (ATTRS, 8, 10), "input 1 (packed matrix) has 16 elements, expected 32"),
    "not a map": (fc_file, (b"\x01\x02\x03",), "not a FlexBuffers map"),
    "no options": (fc_file, (b"",), "not a FlexBuffers map"),
}


def refused_file(folder: Path, case: str) -> tuple[Path, str]:
    make, arguments, message = REFUSED[case]
    return make(folder, *arguments), message


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_op_is_refused_by_name(case: str, tmp_path: Path) -> None:
    file, message = refused_file(tmp_path, case)
    output = run_python("ai-edge-litert", PROBE, "error", file).stdout
    assert message in output and output.count("\n") == 1 and str(file) in output


def test_tflite_runtime_names_the_version_too(tmp_path: Path) -> None:
    file, message = refused_file(tmp_path, "version")
    assert message in run_python("tflite-runtime", PROBE, "error", file).stdout


@pytest.mark.parametrize("runtime", NAMES)
def test_an_id_outside_the_table_fails_the_invoke(runtime: str, tmp_path: Path) -> None:
    graph = GraphFile()
    small = add_matrix(graph, W[:1], GAMMA, spec.RM2)  # the probe asks for rows 0 and 1, there is only row 0
    graph.op("BITMAR_TERNARY_EMBEDDING", [graph.input("ids", "int32", (16,)), *small], {"y": "float32"},
             matrix_attrs(W[:1], spec.RM2))  # fmt: skip
    output = run_python(runtime, PROBE, "error", graph.write(tmp_path / "ids.tflite")).stdout
    assert "BITMAR_TERNARY_EMBEDDING" in output and output.count("\n") == 1


@pytest.mark.parametrize("runtime", NAMES)
def test_nothing_is_left_after_a_thousand_loads(runtime: str, tmp_path: Path) -> None:
    grown = int(run_python(runtime, PROBE, "leak", fc_file(tmp_path), "1000").stdout)
    assert grown < 1000, f"{grown} KiB more after 1,000 loads"


@pytest.mark.parametrize("runtime", NAMES)
def test_delegate_and_interpreter_die_in_any_order(runtime: str, tmp_path: Path) -> None:
    assert run_python(runtime, PROBE, "order", fc_file(tmp_path)).stdout == "done\n"


@pytest.mark.parametrize("runtime", NAMES)
def test_threads_do_not_disturb_each_other(runtime: str, tmp_path: Path) -> None:
    assert run_python(runtime, PROBE, "thread", fc_file(tmp_path), "500").stdout == "0\n"
