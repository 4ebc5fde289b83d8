#!/usr/bin/env python3
"""Write README.md's numbers from benchmarks/results/*.json; with --check, fail if they differ.

    python benchmarks/readme.py [--check]

Each section stands only if its result file exists; benchmarks/run_all.py makes them all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- numbers: begin (python benchmarks/readme.py) -->", "<!-- numbers: end -->"


def result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def accuracy() -> list[str]:
    """From the evaluation of `make demo` (benchmarks/accuracy.py copies runs/demo/eval.json)."""
    evaluation = result("accuracy")
    if not evaluation:
        return []
    lines = [
        "| one drawing taught, another artist's asked | slot found | name decoded exactly | nearest neighbour on raw features |"
    ]
    lines += ["|---|---|---|---|"]
    for ways in ("8", "16"):
        for group, words in (
            ("known_new_artist", "known things, unseen artist"),
            ("held_out", "things never trained on"),
        ):
            row = evaluation["ways"][ways][group]
            nearest = evaluation["nearest_neighbour"][ways][group]
            nearest = nearest["slot"] if isinstance(nearest, dict) else nearest
            lines.append(f"| {ways}-way, {words} | {row['slot']:.3f} | {row['exact']:.3f} | {nearest:.3f} |")
    return [*lines, ""]


SECTIONS = [accuracy]


def numbers() -> str:
    return "\n".join(line for section in SECTIONS for line in section()).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if README.md is not up to date")
    args = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    updated = f"{head}{BEGIN}\n{numbers()}\n{END}{rest.split(END)[1]}"
    if args.check:
        if updated != text:
            print(
                "error: README.md's numbers differ from benchmarks/results: run python benchmarks/readme.py",
                file=sys.stderr,
            )
            return 1
        return 0
    readme.write_text(updated, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
