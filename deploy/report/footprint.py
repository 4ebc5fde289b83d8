"""RAM that asking from features takes on a Pi's runtime, in a fresh process: its own, and what is mapped from files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from bitmar.errors import BitmarError
from bitmar.runtime import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("ask_once.py")
PYTHONS = (Path(sys.executable), ROOT / ".venvs" / "tflite" / "bin" / "python")
COMPILED = ROOT / "build" / "pycache"  # an installed package has its modules compiled
PROCESSES = 3


def installed() -> dict[str, Path]:
    """A Python for each runtime that is installed here."""
    found = {}
    for runtime, module in RUNTIMES.items():
        for python in PYTHONS:
            if (
                python.exists()
                and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
            ):
                found[runtime] = python
                break
    return found


def footprint(runtime: str, python: Path, model: Path) -> dict[str, int]:
    """Medians of a few processes, in bytes, see ask_once.py.

    Raises:
      BitmarError: the process failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(COMPILED), "OPENBLAS_NUM_THREADS": "1"}
    runs = []
    for _ in range(1 + PROCESSES):  # the first one compiles
        command = [python, PROBE, runtime, RUNTIMES[runtime], model]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no output"]
            raise BitmarError(f"asking {model} with {runtime}: {lines[-1]}")
        runs.append(json.loads(done.stdout))
    return {name: int(median(run[name] for run in runs[1:])) for name in runs[0]}
