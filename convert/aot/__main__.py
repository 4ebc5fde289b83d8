"""python -m convert.aot MODEL OUT [--engine aot|tflm]: write the C of a converted model and print its plan."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from convert.aot.generate import generate


def main() -> int:
    """`python -m convert.aot`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="convert.aot", description=__doc__)
    parser.add_argument("model", type=Path, help="folder written by `pipeline.py convert`")
    parser.add_argument("out", type=Path, help="folder for the C files")
    parser.add_argument("--engine", choices=("aot", "tflm"), default="aot")
    options = parser.parse_args()
    try:
        report = generate(options.model, options.out, options.engine)
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, plan in report["graphs"].items():
        print(
            f"{name:8} {plan['operators']:4} operators, arena {plan['arena_bytes']:7,} bytes "
            f"(lower bound {plan['lower_bound']:,}), caches {plan['cache_bytes']:,}"
        )
    print(
        f"arena {report['arena_bytes']:,} bytes (lower bound {report['arena_lower_bound']:,}), {report['tile']} tokens "
        f"at a time, weights {report['weights_bytes']:,}, tokenizer {report['tokenizer_bytes']:,}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
