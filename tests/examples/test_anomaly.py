"""Property: examples/anomaly and its benchmark do what its README says; both give their runtime's bits on the M7."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "anomaly" / "README.md"


def test_as_printed_but_shorter(tmp_path):
    """The README's commands with one epoch and folders of the test's own."""
    commands = re.search(r"```\n(.*?)```", README.read_text(), re.S)[1].splitlines()
    more = (
        ["--epochs", "1", "--out", str(tmp_path / "model")],
        ["--model", str(tmp_path / "model"), "--out", str(tmp_path / "anomaly.json")],
    )
    for command, options in zip(commands[1:], more, strict=True):
        program, *arguments = shlex.split(command)
        assert program == "python"
        done = subprocess.run([sys.executable, *arguments, *options], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "anomaly.json").read_text())
    recorded = json.loads((ROOT / "benchmarks" / "results" / "anomaly.json").read_text())
    assert figures["ternary"]["same_bits"] and figures["int8"]["same_bits"]
    assert figures["ternary"]["flash"] < figures["int8"]["flash"] / 2
    for kind, row in figures.items():  # sizes and instructions hardly depend on the weights
        for what in ("flash", "ram", "instructions"):
            assert abs(row[what] - recorded[kind][what]) <= 0.02 * recorded[kind][what], (kind, what)


def test_the_guide_has_the_recorded_figures():
    page = (ROOT / "docs" / "own-models.md").read_text(encoding="utf-8")
    for row in json.loads((ROOT / "benchmarks" / "results" / "anomaly.json").read_text()).values():
        assert f"| {row['flash']:,} B | {row['ram']:,} B | {row['instructions']:,} |" in page
