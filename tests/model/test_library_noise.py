"""Property: a command's output is its own lines and errors; a crash's last words are never lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, sys
from model.library_noise import left_out
with left_out():
    for line in (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "I0000 00:00:1795692112.626042   21091 port.cc:153] oneDNN custom operations are on.",
        "W0000 00:00:1795692112.626042   21091 some.cc:1] a warning",
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        "E0000 00:00:1795692112.626042   21091 some.cc:1] an error",
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ):
        os.write(2, line.encode() + b"\\n")
    print("progress", end="", file=sys.stderr, flush=True)
    print("answer")
    {end}
"""
KEPT = (
    "E0000 00:00:1795692112.626042   21091 some.cc:1] an error\n"
    "terminate called after throwing an instance of 'std::bad_alloc'\n"
)


def python(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.mark.parametrize(
    ("end", "code"), [("", 0), ("sys.exit(3)", 3), ("os.abort()", -6), ("os.kill(os.getpid(), 9)", -9)]
)
def test_notes_go_and_the_rest_stays(end: str, code: int) -> None:
    done = python("-c", PROGRAM.format(end=end))
    assert done.returncode == code
    assert done.stderr.replace("progress", "") == KEPT and "progress" in done.stderr
    assert code < 0 or done.stdout == "answer\n"


def test_a_traceback_stays() -> None:
    done = python("-c", PROGRAM.format(end="raise ValueError('what happened')"))
    assert done.returncode == 1 and done.stderr.endswith("ValueError: what happened\n")


def test_a_command_that_loads_tensorflow_says_its_own_lines_only() -> None:
    """Also where the output takes ASCII alone."""
    done = python("pipeline.py", "train", "--dry-run", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("component")
    done = python("train_bitmar.py", "--config", "é.yaml", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and done.stderr.startswith("error: \\xe9.yaml: cannot be read") and done.stdout == ""


def test_convert_and_a_data_set_say_their_own_lines_only(tmp_path: Path) -> None:
    done = python(
        "pipeline.py", "convert", "--run", "models/ultra_tiny", "--out", tmp_path / "é", PYTHONIOENCODING="ascii"
    )
    assert (done.returncode, done.stderr) == (0, "") and "\\xe9: written" in done.stdout
