"""Write the C of a converted model, or of any one .tflite file of accepted ops.

python -m convert.aot MODEL --out DIR [--engine aot|tflm]     a folder of `pipeline.py convert`: the firmware's plan
python -m convert.aot my.tflite --out DIR [--name my]         my.c and my.h with my_run(in, out), and how to build them
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from convert.aot.generate import generate
from convert.aot.library import generate_library


def main(argv: list[str] | None = None) -> int:
    """`python -m convert.aot`; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="convert.aot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a folder written by `pipeline.py convert`, or one .tflite file")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the C files")
    parser.add_argument("--engine", choices=("aot", "tflm"), help="of a folder: what goes into flash (default: aot)")
    parser.add_argument("--name", help="of a file: what the functions are called (default: the file's name)")
    options = parser.parse_args(argv)
    try:
        if options.model.is_dir():
            if options.name:
                raise BitmarError("--name: expected with one .tflite file")
            print(plan_lines(generate(options.model, options.out, options.engine or "aot")))
        else:
            if options.engine:
                raise BitmarError("--engine: expected with a folder written by `pipeline.py convert`")
            print(library_lines(generate_library(options.model, options.out, options.name), options.out))
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def plan_lines(report: dict) -> str:
    """What a folder's plan takes, a line for each graph."""
    lines = [
        f"{name:8} {plan['operators']:4} operators, {plan['start_operators']} of them once a stream, arena "
        f"{plan['arena_bytes']:7,} bytes (lower bound {plan['lower_bound']:,}), caches {plan['cache_bytes']:,}"
        for name, plan in report["graphs"].items()
    ]
    lines += [
        f"  {matrix['name']:36} {matrix['layout']:5} {matrix['bytes']:9,} bytes, about {matrix['instructions']:11,} "
        "instructions an answer"
        for matrix in report["matrices"]
    ]
    lines.append(
        f"arena {report['arena_bytes']:,} bytes (lower bound {report['arena_lower_bound']:,}), {report['tile']} tokens "
        f"at a time, weights {report['weights_bytes']:,}, tokenizer {report['tokenizer_bytes']:,}"
    )
    return "\n".join(lines)


def library_lines(report: dict, out: Path) -> str:
    """What was written and what it takes."""
    return (
        f"{out / report['name']}.c: {report['operators']} operators, weights {report['weights_bytes']:,} bytes, arena "
        f"{report['arena_bytes']:,} bytes (lower bound {report['arena_lower_bound']:,})"
    )


if __name__ == "__main__":
    sys.exit(main())
