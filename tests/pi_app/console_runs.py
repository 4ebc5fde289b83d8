"""Runs `pipeline.py console` as a user does, and looks at what it left behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT, run_python
from tests.bitmar.things import things


def write_pictures(folder: Path, count: int = 8) -> list[tuple[str, str, str]]:
    """(name, taught .npy, asked .npy) of the first things, as files relative to `folder`."""
    written = []
    for i, thing in enumerate(things(count)):
        for kind, (q, scale) in (("taught", thing.taught), ("asked", thing.asked)):
            np.save(folder / f"{kind}{i}.npy", q.astype(np.float32) * scale)
        written.append((thing.name, str(folder / f"taught{i}.npy"), str(folder / f"asked{i}.npy")))
    return written


def console(card: Path, lines: str, *options: str | Path, check: bool = True) -> subprocess.CompletedProcess:
    """The console with its words from a script file; text output."""
    script = card.parent / "script.txt"
    script.write_text(lines, encoding="utf-8", errors="surrogateescape")
    command = [ROOT / "pipeline.py", "console", "--target", "here", "--card", card, "--script", script]
    if "--model" not in options:
        command += ["--model", model()]
    return run_python("ai-edge-litert", *command, *options, check=check)


def answers(card: Path, lines: str, *options: str | Path) -> list[dict[str, Any]]:
    """The same with --json: one dictionary per answer."""
    return [json.loads(line) for line in console(card, lines, "--json", *options).stdout.splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
