"""Property: the size report is true, and the sizes are the promised ones."""

import json

import numpy as np
import pytest

from convert import reader
from convert.report import table
from tests.convert.conftest import ROOT


def test_tiny_edge_fits_three_megabytes(tiny_edge):
    totals = tiny_edge.report["totals"]
    assert totals["weights"] > 14_500_000
    assert totals["weight_and_scale_bytes"] <= 3_000_000
    assert totals["weight_and_scale_bytes"] + totals["other_constant_bytes"] <= 3_000_000
    assert totals["flatbuffer_bytes"] <= 3_000_000  # trained norms have gains of their own


@pytest.mark.parametrize("converted", ["ultra_tiny", "tiny_edge"])
def test_bits_per_weight(converted, request):
    """b3: 1.6 bits, plus rows padded to a multiple of five."""
    report = request.getfixturevalue(converted).report
    for row in report["tensors"]:
        rows, cols = row["shape"]
        assert row["layout"] == "b3" and row["bits_per_weight"] <= 16 / 7, row  # of per_position's seven rows
        assert row["bits_per_weight"] == pytest.approx(8 * -(-rows // 5) / rows, abs=1e-4), row
        assert row["bytes"] == -(-rows // 5) * cols + 4
    assert report["totals"]["bits_per_weight"] < 1.62


def test_report_agrees_with_the_files(ultra_tiny):
    report = json.loads((ultra_tiny.folder / "report.json").read_text())
    assert report == ultra_tiny.report
    assert report["files"] == {
        path.name: path.stat().st_size
        for path in ultra_tiny.folder.iterdir()
        if path.name not in ("model.json", "report.json")
    }
    rows = {row["name"]: row for row in report["tensors"]}
    for name in ("encoder", "recall", "decoder"):
        for matrix in reader.ternary_matrices(reader.read(ultra_tiny.folder / f"{name}.tflite")):
            row = rows.pop(matrix.name)
            assert row["shape"] == list(matrix.codes.shape)
            assert row["zeros_percent"] == pytest.approx(100 * np.mean(matrix.codes == 0), abs=0.01)
    assert not rows


def test_weights_are_those_of_the_keras_model(ultra_tiny):
    counted = sum(int(np.prod(v.shape)) for v in ultra_tiny.model.variables if v.name != "gain")
    assert ultra_tiny.report["totals"]["weights"] == counted


def test_table_has_a_line_for_every_tensor(ultra_tiny):
    lines = table(ultra_tiny.report).splitlines()
    for row in ultra_tiny.report["tensors"]:
        line = next(line for line in lines if line.split()[:1] == [row["name"]])
        assert line.split()[-2:] == [f"{row['zeros_percent']:.1f}", "%"]


def test_recorded_sizes_are_current(ultra_tiny, tiny_edge):
    """benchmarks/results/sizes.json and the table in docs/conversion.md are what benchmarks/sizes.py would write now."""
    from benchmarks.sizes import lines

    recorded = json.loads((ROOT / "benchmarks" / "results" / "sizes.json").read_text())
    for name, (model, _, report) in (("bitmar_ultra_tiny", ultra_tiny), ("bitmar_tiny_edge", tiny_edge)):
        assert recorded[name]["parameters"] == model.count_params()
        assert recorded[name]["ternary_weights"] == report["totals"]["weights"]
        assert recorded[name]["weight_and_scale_bytes"] == report["totals"]["weight_and_scale_bytes"]
    assert lines(recorded) in (ROOT / "docs" / "conversion.md").read_text()
