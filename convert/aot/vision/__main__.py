"""Write the C of an int8 vision network: python -m convert.aot.vision NETWORK.tflite --out DIR [--name NAME] [--arena BYTES]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from convert.aot.names import identifier
from convert.aot.vision.generate import generate_vision


def main(argv: list[str] | None = None) -> int:
    """`python -m convert.aot.vision`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="convert.aot.vision", description=__doc__)
    parser.add_argument("network", type=Path, help="an int8 .tflite file of inverted residual blocks")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the C files")
    parser.add_argument("--name", help="what the functions are called (default: the file's name)")
    parser.add_argument("--arena", type=int, default=0, metavar="BYTES", help="RAM that is there anyway, for speed")
    options = parser.parse_args(argv)
    name = identifier(options.name or options.network.stem)
    try:
        report = generate_vision(options.network, options.out, name, options.arena)
    except (BitmarError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(
        f"{options.out / name}.c: {len(report['blocks'])} blocks, constants {report['constants_bytes']:,} bytes, arena "
        f"{report['arena_bytes']:,} bytes (lower bound {report['arena_lower_bound']:,})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
