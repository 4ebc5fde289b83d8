"""Runs digest.py in an environment and compares what comes out."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.bitmar.runtimes import run_python

DIGEST = Path(__file__).with_name("digest.py")
SHIPPED = Path(__file__).resolve().parents[2] / "models" / "ultra_tiny"
COMPARED = ("answers", "slots", "texts", "files")


@cache
def model() -> Path:
    """The shipped model, or the one that $BITMAR_TEST_MODEL names."""
    named = os.environ.get("BITMAR_TEST_MODEL")
    return Path(named) if named else SHIPPED


def digest_here(runtime: str, folder: Path, **environment: str) -> dict[str, Any]:
    """On this machine, with a runtime; the card is folder/RUNTIME."""
    card = folder / runtime
    card.mkdir(parents=True)
    return json.loads(run_python(runtime, DIGEST, model(), card, **environment).stdout)


def digest_with(command: list[str | Path], folder: Path, model: Path, *count: str) -> dict[str, Any]:
    """By a Python that runs under another command, e.g. an emulator; of all pictures or the first `count`."""
    folder.mkdir(parents=True)
    result = subprocess.run(
        [*map(str, command), DIGEST, model, folder, *count], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def assert_same_bits(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for key in COMPARED:
        assert found[key] == expected[key], key
