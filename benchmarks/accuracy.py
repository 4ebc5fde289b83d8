#!/usr/bin/env python3
"""Record the evaluation of the shipped model: benchmarks/results/accuracy.json.

    python benchmarks/accuracy.py [--run models/ultra_tiny]

2,000 seeded questions of each kind; `./pipeline.py eval --run models/ultra_tiny --model models/ultra_tiny` measures them again.
Steps, seconds, seeds, commit and sizes are those of the run's metrics.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "models/ultra_tiny")
    args = parser.parse_args()
    metrics = json.loads((args.run / "metrics.json").read_text(encoding="utf-8"))
    out = ROOT / "benchmarks/results/accuracy.json"
    out.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
