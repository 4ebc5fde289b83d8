#!/usr/bin/env python3
"""Record the evaluation of `make demo`: benchmarks/results/accuracy.json.

    make demo && python benchmarks/accuracy.py [--run runs/demo]

`make demo` trains for at most 11 minutes and asks 2,000 seeded questions of each kind; the same numbers come from
`./pipeline.py eval --run RUN --json`.
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
    evaluation = json.loads((args.run / "eval.json").read_text(encoding="utf-8"))
    out = ROOT / "benchmarks/results/accuracy.json"
    out.write_text(json.dumps(evaluation, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
