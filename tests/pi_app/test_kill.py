"""Property: SIGKILL at any moment, in the middle of a teach too, leaves a card that opens with all that was acknowledged, and at
most the one thing more that was being taught."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT
from tests.pi_app.console_runs import answers, write_pictures

THINGS = 8


def teach_until_killed(card: Path, lines: list[str], delay: float) -> list[str]:
    """Feeds lines, kills the process `delay` seconds after its second answer; the names that it acknowledged."""
    command = [
        sys.executable,
        ROOT / "pipeline.py",
        "console",
        "--card",
        card,
        "--model",
        model(),
        "--slots",
        "16",
        "--json",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ})
    process.stdin.write("".join(lines))
    process.stdin.flush()
    acknowledged = [json.loads(process.stdout.readline())["name"] for _ in range(2)]
    time.sleep(delay)
    process.kill()
    acknowledged += [json.loads(line)["name"] for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return acknowledged


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_a_kill(seed: int, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    things = write_pictures(tmp_path, THINGS)
    lines = [f"teach {picture} '{name}'\n" for name, picture, _ in things]
    acknowledged = teach_until_killed(card, lines, random.Random(seed).uniform(0, 0.15))
    verified, shown = answers(card, "mem verify\nmem show\n")
    assert verified["lost"] == []
    remembered = [slot["name"] for slot in shown["slots"]]
    names = [name for name, _, _ in things]
    assert remembered in (names[: len(acknowledged)], names[: len(acknowledged) + 1])
    (again,) = answers(card, lines[-1])
    assert again["saved"], "the next write must work"
