"""Property: every op through the delegate gives the specification's bits, in both runtimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bitmar import op_cases
from tests.bitmar.runtimes import NAMES, run_python

RUN_GRAPHS = Path(__file__).with_name("run_graphs.py")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[op_cases.Case]]:
    folder = tmp_path_factory.mktemp("cases")
    cases = op_cases.all_cases()
    for case in cases:
        case.write(folder)
    return folder, cases


@pytest.mark.parametrize("runtime", NAMES)
def test_every_op_has_the_bits_of_the_specification(runtime: str, cases, tmp_path: Path) -> None:
    folder, expected = cases
    run_python(runtime, RUN_GRAPHS, folder, tmp_path)
    for case in expected:
        check_case(case, tmp_path)
    assert len(expected) == len(list(tmp_path.glob("*.npz"))) > 40


def check_case(case: op_cases.Case, results: Path) -> None:
    with np.load(results / f"{case.name}.npz") as found:
        for i, step in enumerate(case.expected):
            for name, value in step.items():
                got = found[f"{i}/{name}"]
                where = f"{case.name}, step {i}, {name}"
                assert got.dtype == value.dtype and got.shape == value.shape, where
                assert got.tobytes() == value.tobytes(), f"{where}: {got} instead of {value}"
