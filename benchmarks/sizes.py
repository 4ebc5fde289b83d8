#!/usr/bin/env python3
"""Converts the three configurations with fresh weights and prints what they weigh, beside the published estimates.

    python benchmarks/sizes.py [CONFIG ...] [--full] [--json]

Packed sizes do not depend on the weights' values, so no training is needed. Writes benchmarks/results/sizes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ("bitmar_ultra_tiny", "bitmar_tiny_edge", "bitmar_original")
# parameters in millions and bytes of the model file, as published for these configurations; None: not published
PUBLISHED = {
    "bitmar_original": (35.0, None),
    "bitmar_tiny_edge": (12.5, 3_000_000),
    "bitmar_ultra_tiny": (2.0, None),
}


def measure(name: str) -> tuple[dict[str, Any], str]:
    """Sizes of one configuration, and the report for a terminal."""
    from convert.model_folder import write_model
    from convert.origin import untrained
    from convert.report import table

    source = untrained(ROOT / "configs" / f"{name}.yaml", ROOT / "none")
    with tempfile.TemporaryDirectory() as folder:
        report = write_model(source.model, None, None, Path(folder) / "model")
    config, totals = source.model.config, report["totals"]
    gains = sum(4 * v.shape[0] for v in source.model.variables if v.name == "gain")
    parameters, size = PUBLISHED[name]
    return {
        "ternary_weights": totals["weights"],
        "parameters": source.model.count_params(),
        "published_parameters_millions": parameters,
        "weight_and_scale_bytes": totals["weight_and_scale_bytes"],
        "published_model_bytes": size,
        "norm_gain_bytes": gains,
        "bits_per_weight": totals["bits_per_weight"],
        "float32_bytes": 4 * totals["weights"],
        "flatbuffer_bytes": {
            file: report["files"][file] for file in ("encoder.tflite", "recall.tflite", "decoder.tflite")
        },
        "memory_slots_bytes": config.memory_bytes,
    }, table(report)


def lines(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table."""
    head = "| | parameters | published | weights and scales | published | bits a weight | as float32 | memory |"
    rows = [head, "|---" + "|---:" * 7 + "|"]
    for name, r in results.items():
        size = f"{r['published_model_bytes']:,} B" if r["published_model_bytes"] else "-"
        rows.append(
            f"| {name} | {r['parameters']:,} | {r['published_parameters_millions']} M | {r['weight_and_scale_bytes']:,} B "
            f"| {size} | {r['bits_per_weight']} | {r['float32_bytes']:,} B | {r['memory_slots_bytes']:,} B |"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", default=list(CONFIGS), metavar="CONFIG", help=", ".join(CONFIGS))
    parser.add_argument("--full", action="store_true", help="every tensor")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    args = parser.parse_args()
    if unknown := set(args.configs) - set(CONFIGS):
        parser.error(f"unknown configuration {unknown.pop()}, expected {', '.join(CONFIGS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT))
    measured = {name: measure(name) for name in args.configs}
    results = {name: sizes for name, (sizes, _) in measured.items()}
    if set(args.configs) == set(CONFIGS):
        out = ROOT / "benchmarks" / "results" / "sizes.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n")
    if args.full:
        print("\n\n".join(table for _, table in measured.values()))
    print(json.dumps(results, indent=1) if args.json else lines(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
