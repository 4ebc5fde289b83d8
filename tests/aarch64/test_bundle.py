"""Property: the bundle for a Pi runs on emulated Cortex-A72 and A76 in both runtimes, with the bits of x86-64: answers to 64
pictures over eight teacher-forced steps, and every byte of the memory's files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pi_app.digests import assert_same_bits, digest_here, digest_with
from tests.pi_app.runtimes import NAMES

VARIANTS = {"cortex-a72": "neon", "cortex-a76": "neon+dotprod"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return digest_here("ai-edge-litert", tmp_path_factory.mktemp("here"))


@pytest.mark.parametrize("runtime", NAMES)
@pytest.mark.parametrize("cpu", VARIANTS)
def test_bits_are_those_of_x86_64(cpu: str, runtime: str, emulated, bundle: Path, expected, tmp_path: Path) -> None:
    found = digest_with(emulated(cpu, runtime), tmp_path / "card", bundle / "model")
    assert (found["runtime"], found["isa"]) == (runtime, VARIANTS[cpu])
    assert len(found["answers"]) == 64
    assert_same_bits(found, expected)


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
