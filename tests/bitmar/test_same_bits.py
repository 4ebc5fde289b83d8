"""Property: both runtimes, and every variant of the kernels, compute the same bits and write the same card on 64 pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bitmar.digests import assert_same_bits, digest_here


@pytest.fixture(scope="module")
def litert(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return digest_here("ai-edge-litert", tmp_path_factory.mktemp("litert"))


def test_tflite_runtime_gives_the_bits_of_litert(litert: dict[str, Any], tmp_path: Path) -> None:
    found = digest_here("tflite-runtime", tmp_path)
    assert (litert["runtime"], found["runtime"]) == ("ai-edge-litert", "tflite-runtime")
    assert len(set(litert["answers"])) == len(litert["answers"]) == 64
    assert_same_bits(found, litert)


def test_portable_kernels_give_the_bits_of_the_fast_ones(litert: dict[str, Any], tmp_path: Path) -> None:
    found = digest_here("ai-edge-litert", tmp_path, BITMAR_ISA="portable")
    assert found["isa"] == "portable"
    assert_same_bits(found, litert)
