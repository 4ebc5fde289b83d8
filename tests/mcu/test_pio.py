"""Property: the C libraries and the plan compute on the emulated Cortex-M7 what they compute on this machine (`pio test`)."""

from __future__ import annotations

import re
from pathlib import Path

from bitmar.find_model import find_model
from deploy.firmware import pio

SUITES = {"test_kernels", "test_tokenizer", "test_memstore", "test_aot", "test_board"}


def run_suites(model: Path, build: Path, *suites: str) -> set[str]:
    """The suites that pass with a model; all of them where none is named."""
    environment = {"BITMAR_MODEL": str(model.resolve()), "PLATFORMIO_BUILD_DIR": str(build)}
    done = pio(["test", "-e", "qemu_cortex_m7", *(word for suite in suites for word in ("-f", suite))], environment)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    return set(re.findall(r"qemu_cortex_m7\s+(test_\w+)\s+PASSED", output))


def test_gpt2s_vocabulary_and_tiny_edges_plan(tmp_path: Path) -> None:
    suites = ("test_tokenizer", "test_aot")
    edge = find_model("tiny_edge")
    assert run_suites(edge, tmp_path / "build", *suites) == set(suites)


def test_every_suite_passes_on_the_board(model: Path, tmp_path: Path) -> None:
    assert run_suites(model, tmp_path / "build") == SUITES
