"""Property: every command in the pages does what the page says, as it is printed there.

Each page's commands run in order in a folder of their own: a copy of the checkout's files with its environments. What a
test machine cannot have (a Pi on the network, a board on a port) is read by the command's own parser and no further; what
takes as long as all the tests is named with the place where it runs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

import pipeline
from tests.documented import ROOT, Command, commands

# too long, or this very run: where else it runs
ELSEWHERE = {
    "make demo": "the main job",
    "make test": "this run",
    "make setup": "what this run began with",
    "make test-full": "by hand, before a release",
    "make crashlab": "tests/crashlab/test_laboratory.py runs a seeded part of it",
    "make fuzz": "tests/memstore runs a seeded part of it",
    ". .venv/bin/activate": "the environment that these commands run in",
    "./pipeline.py serve": "tests/page runs it: it ends when it is told to",
    "pip install '.[train-gpu]'": "nowhere: it would put a GPU's TensorFlow into the environment of these tests",
    "./pipeline.py train --strategy": "tests/model/test_workers.py runs it, on two devices and in two processes",
    "bitmar/bitmar.sh": "tests/aarch64/test_bundle.py runs it on an emulated Pi",
}
# hardware or hosts that are not here; such a command must be one that its parser takes
NOT_HERE = ("pi@raspberrypi.local", "/dev/ttyACM0", "-t upload", "--target teensy41")
# .venvs/try is not among them: `make try` installs the copy into an environment of the copy's own
LINKED = (".venv", ".venvs/tflite", "build", ".git")


def elsewhere(line: str) -> bool:
    return any(line.split("#")[0].strip() == known or line.startswith(known + " ") for known in ELSEWHERE)


def here(line: str) -> bool:
    return "--dry-run" in line or not any(part in line for part in NOT_HERE)


def by_page(wanted: bool) -> list:
    chosen = [c for c in commands() if not elsewhere(c.line) and here(c.line) == wanted]
    return [pytest.param(list(group), id=page) for page, group in groupby(chosen, key=lambda c: c.page)]


def test_there_are_commands() -> None:
    assert len(commands()) > 20


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The checkout's files, its environments and its build folder; runs, data and cards are this copy's own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    for name in LINKED:
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).symlink_to(ROOT / name)
    if (ROOT / "data" / "stamps.json").exists():  # downloaded already: `pipeline.py data` finds it done
        shutil.copytree(ROOT / "data", tmp_path / "data")
    return tmp_path


def run(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder)}
    return subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder,
        env=environment,
        input="".join(word + "\n" for word in command.words),
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", by_page(True))
def test_as_printed(page: list[Command], checkout: Path) -> None:
    for command in page:
        done = run(command, checkout)
        assert done.returncode == 0, f"$ {command.line}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        assert "error:" not in done.stderr, f"$ {command.line}\n{done.stderr[-1500:]}"


@pytest.mark.parametrize("page", by_page(False))
def test_what_is_not_here_is_at_least_a_command(page: list[Command]) -> None:
    """Its options exist: the command's own parser takes them."""
    for command in page:
        program, *arguments = shlex.split(command.line)
        if program != "./pipeline.py":
            assert program == "pio", command.line
            continue
        parser = argparse.ArgumentParser()
        importlib.import_module(pipeline.COMMANDS[arguments[0]].module).add_arguments(parser)
        parser.parse_args(arguments[1:])
