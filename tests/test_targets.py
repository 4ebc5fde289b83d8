"""Property: one word for one target in every command, and a wrong one is answered by a line with the right ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.targets import board_names

ROOT = Path(__file__).resolve().parents[1]
BOARDS = ["qemu", "teensy41"]


@pytest.mark.parametrize("command", ["console", "bench", "deploy"])
@pytest.mark.parametrize("target", ["mcu", "rpi", "", "QEMU"])
def test_a_wrong_target_is_one_line(command: str, target: str) -> None:
    done = subprocess.run(
        [sys.executable, "pipeline.py", command, "--target", target], cwd=ROOT, capture_output=True, text=True
    )
    own = "pi" if command == "deploy" else "here"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: --target {target}: expected {', '.join([own, *board_names()])}\n"


def test_the_emulator_and_the_boards_are_known() -> None:
    assert board_names()[0] == "qemu" and set(BOARDS) <= set(board_names())


def test_a_board_needs_a_port_and_the_emulator_has_none() -> None:
    for command in ("console", "bench"):
        for options, message in (
            (["--target", "teensy41"], "--port P is missing"),
            (["--target", "qemu", "--port", "/dev/ttyACM0"], "--target qemu has no port"),
            (["--port", "/dev/ttyACM0"], "--target here has no port"),
        ):
            done = subprocess.run(
                [sys.executable, "pipeline.py", command, *options], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
