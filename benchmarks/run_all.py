#!/usr/bin/env python3
"""Measure everything that README.md and docs/ quote: runs each benchmark, then writes README's numbers.

    python benchmarks/run_all.py

Needs the Debian packages and environments of `make setup`; data/ and runs/demo are made by `make demo`. What a machine cannot
measure is named at the end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = (
    "sizes",
    "tokenizer",
    "kernels",
    "host_kernels",
    "model",
    "kernels_m7",
    "anomaly",
    "mcu",
    "head",
    "vision",
    "eye",
    "memstore",
    "slot_dtype",
    "life",
    "data",
    "pi",
    "ask",
    "watch",
    "page",
    "training",
    "scale",
    "text",
    "words",
    "report",
    "readme",
)


def main() -> int:
    failed = []
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        command = ["pipeline.py", "report"] if name == "report" else [f"benchmarks/{name}.py"]
        if subprocess.run([sys.executable, *command], cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"error: not measured, see above: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
