"""Property: a board on a serial port answers as the emulator's own console does (`console --target teensy41 --port P`).

The port is a pseudo terminal that the emulated board's UART is connected to; the firmware does not see the difference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from deploy.board.link import SerialLine, emulator_command
from deploy.firmware import Firmware
from tests.mcu.conftest import ROOT, seeded_picture


@pytest.fixture
def port(firmware: Firmware) -> Iterator[str]:
    """The serial port of a board without a card."""
    command = emulator_command(firmware.elf, [])
    at = next(i for i, word in enumerate(command) if word.startswith("stdio,"))
    command[at] = "pty,id=console"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield re.search(r"redirected to (\S+)", process.stdout.readline())[1]
        finally:
            process.kill()


def console(port: str, model: Path, lines: list[str], *options: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "pipeline.py",
        "console",
        "--target",
        "teensy41",
        "--port",
        port,
        "--model",
        str(model.resolve()),
    ]
    return subprocess.run(
        [*command, *options], input="\n".join(lines), cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_words_over_a_serial_port(port: str, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "fox.npy", seeded_picture(1).features()[0])
    done = console(port, model, [f"teach {tmp_path}/fox.npy red fox", f"ask {tmp_path}/fox.npy", "mem show"], "--json")
    assert done.returncode == 0, done.stderr
    told, asked, shown = (json.loads(line) for line in done.stdout.splitlines())
    assert (told["name"], told["saved"], told["card"]) == ("red fox", False, "no card")
    assert (asked["name"], asked["slot"]) == ("red fox", told["slot"])
    assert [slot["name"] for slot in shown["slots"]] == ["red fox"]


def test_a_board_that_has_been_waiting(port: str, model: Path) -> None:
    """Whatever was on the line before, the first answer is that to the first question."""
    time.sleep(1)
    done = console(port, model, ["forget nothing", "mem show"])
    assert done.returncode == 2 and "error: standard input:1:" in done.stderr


def test_no_such_port(model: Path) -> None:
    done = console("/dev/no-such-port", model, ["mem show"])
    assert done.returncode == 2 and done.stderr.startswith("error: port /dev/no-such-port")


def bench(*options: str) -> dict:
    command = [sys.executable, "pipeline.py", "bench", "--json", "--tokens", "4", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_bench_on_a_board_and_on_the_emulator(port: str, model: Path) -> None:
    """The same figures; the emulator's memory is filled before, a board's own is only read."""
    on_board = bench("--target", "teensy41", "--port", port, "--model", str(model.resolve()))
    emulated = bench("--target", "qemu", "--model", str(model.resolve()))
    assert on_board["tokens"] == emulated["tokens"] == 4 and set(on_board) == set(emulated)
    assert abs(on_board["per_token"] / emulated["per_token"] - 1) < 0.05 and on_board["memory"] < emulated["memory"]


def test_a_board_that_goes_away_is_one_line() -> None:
    """A pulled cable: the other end of the pseudo terminal is closed."""
    board, terminal = os.openpty()
    line = SerialLine(os.ttyname(terminal))
    os.close(terminal)
    os.close(board)
    for use in (lambda: line.write(b"quit\n"), lambda: line.read(1.0)):
        with pytest.raises(BitmarError, match="the board is gone"):
            use()
    line.close()
