"""The Pythons that the tests run the app in: this one (ai-edge-litert) and one with tflite-runtime."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TFLITE = ROOT / ".venvs" / "tflite"
NAMES = ("ai-edge-litert", "tflite-runtime")


@cache
def python_with(runtime: str) -> str:
    """Path of a Python that has the runtime; tflite-runtime's environment is made on first use (it needs numpy 1)."""
    if runtime == "ai-edge-litert":
        return sys.executable
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime 2.14 has no build for this Python: it needs CPython 3.11")
    python = TFLITE / "bin" / "python"
    TFLITE.parent.mkdir(exist_ok=True)
    with (TFLITE.parent / "tflite.lock").open("w") as lock:  # tests may run in parallel
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not works(python):
            subprocess.run([sys.executable, "-m", "venv", TFLITE], check=True)
            packages = ["tflite-runtime==2.14.0", "numpy<2", "pillow>=10"]
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)


def works(python: Path) -> bool:
    check = "import tflite_runtime.interpreter, PIL"
    return python.exists() and subprocess.run([python, "-c", check], capture_output=True).returncode == 0


def run_python(runtime: str, *args: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
    """Runs a script in the runtime's Python, from the checkout; output is captured as text."""
    env = {**os.environ, "BITMAR_RUNTIME": runtime, "PYTHONPATH": str(ROOT), **environment}
    command = [python_with(runtime), *map(str, args)]
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    if check and result.returncode:
        raise AssertionError(f"{command} exited with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result
