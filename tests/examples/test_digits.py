"""Property: examples/digits does what its README says, by the commands that stand there: accurate, the same bits on the board."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from deploy.firmware import pio

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "digits" / "README.md"
LEAST = 0.96


def test_as_printed():
    commands = re.search(r"```\n(.*?)```", README.read_text(), re.S)[1].splitlines()
    assert commands[0].startswith("pip install scikit-learn==")  # of the dev extra: installed
    program, *arguments = shlex.split(commands[1])
    assert program == "python"
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    trained, right, accuracy = re.search(r"trained on (\d+) .* held out (\d+) right: ([\d.]+)", done.stdout).groups()
    logits = re.search(r"logits ([0-9a-f]{8})", done.stdout)[1]
    assert int(trained) == 1198 and float(accuracy) >= LEAST

    program, *arguments = shlex.split(commands[2])
    assert program == "pio"
    board = pio(arguments, {})
    assert board.returncode == 0, board.stdout + board.stderr
    assert f"of 599 held out {right} right: {accuracy}" in board.stdout
    assert f"logits {logits}: the runtime's bits" in board.stdout
