"""`python -m pi_app` and, once installed, `bitmar`: the console, or with `bench` before the options the measurement."""

from __future__ import annotations

import argparse
import sys

from bitmar.errors import BitmarError
from pi_app import bench_command, console_command


def main(argv: list[str] | None = None) -> int:
    """`bitmar --card DIR ...` is the console, `bitmar bench ...` the measurement; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    command = bench_command if arguments[:1] == ["bench"] else console_command
    parser = argparse.ArgumentParser(prog="bitmar", description=command.__doc__)
    command.add_arguments(parser)
    args = parser.parse_args(arguments[1:] if command is bench_command else arguments)
    try:
        return command.run(args)
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
