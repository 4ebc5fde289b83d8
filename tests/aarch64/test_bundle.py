"""Property: the bundle for a Pi runs on emulated Cortex-A72 and A76 in both runtimes, with the bits of x86-64: answers to 64
pictures over eight teacher-forced steps, and every byte of the memory's files."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bitmar.find_model import find_model
from tests.bitmar.digests import assert_same_bits, digest_here, digest_with
from tests.bitmar.runtimes import NAMES

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = {"cortex-a72": "neon", "cortex-a76": "neon+dotprod"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return digest_here("ai-edge-litert", tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def found(emulated, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """The digests of every processor and runtime; two emulators at a time, as they take most of the time."""
    folder = tmp_path_factory.mktemp("cards")

    def digest(case: tuple[str, str]) -> dict[str, Any]:
        return digest_with(emulated(*case), folder / "-".join(case), bundle / "model")

    cases = list(itertools.product(VARIANTS, NAMES))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(cases, pool.map(digest, cases), strict=True))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("runtime", NAMES)
@pytest.mark.parametrize("cpu", VARIANTS)
def test_bits_are_those_of_x86_64(cpu: str, runtime: str, found, expected) -> None:
    one = found[cpu, runtime]
    assert (one["runtime"], one["isa"]) == (runtime, VARIANTS[cpu])
    assert len(one["answers"]) == 64
    assert_same_bits(one, expected)


def test_tiny_edge_has_the_same_bits(emulated, tmp_path: Path) -> None:
    """GPT-2's vocabulary and the largest head, two pictures."""
    edge = find_model("tiny_edge")
    expected = digest_with(["env", f"PYTHONPATH={ROOT}", sys.executable], tmp_path / "here", edge, "2")
    assert_same_bits(digest_with(emulated("cortex-a72", "tflite-runtime"), tmp_path / "there", edge, "2"), expected)


def test_the_console_of_the_bundle_remembers(emulated, bundle: Path, tmp_path: Path) -> None:
    """`python -m pi_app`, as bitmar.sh starts it, twice on one card."""
    import numpy as np

    np.save(tmp_path / "cup.npy", np.random.default_rng(1).normal(size=768).astype(np.float32))
    python = emulated("cortex-a72", "tflite-runtime")

    def console(lines: str) -> list[dict[str, Any]]:
        command = [*map(str, python), "-m", "pi_app", "--card", tmp_path, "--model", bundle / "model", "--json"]
        result = subprocess.run(command, input=lines, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    (taught,) = console("teach cup.npy my cup\nquit\n")
    assert taught["saved"] and taught["name"] == "my cup"
    (asked,) = console("ask cup.npy\n")
    assert (asked["name"], asked["slot"]) == ("my cup", taught["slot"])
