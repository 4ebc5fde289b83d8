#!/usr/bin/env python3
"""Record the evaluation of `make demo`: benchmarks/results/accuracy.json.

    make demo && python benchmarks/accuracy.py [--run runs/demo]

`make demo` trains for the configuration's steps and asks 2,000 seeded questions of each kind; the same numbers come from
`./pipeline.py eval --run RUN --json`. Steps, seconds, seeds, commit and sizes are those of the run's metrics.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs/demo")
    args = parser.parse_args()
    metrics = json.loads((args.run / "metrics.json").read_text(encoding="utf-8"))
    evaluation = metrics.pop("evaluation")
    out = ROOT / "benchmarks/results/accuracy.json"
    out.write_text(json.dumps(metrics | evaluation, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
