"""`python -m pi_app` and, once installed, `bitmar`: the console, or with `bench` before the options the measurement."""

from __future__ import annotations

import sys

from pi_app import bench_command, console_command
from pi_app.command_line import Parser, guarded


def main(argv: list[str] | None = None) -> int:
    """`bitmar --card DIR ...` is the console, `bitmar bench ...` the measurement; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    command = bench_command if arguments[:1] == ["bench"] else console_command
    parser = Parser(prog="bitmar", description=command.__doc__)
    command.add_arguments(parser)
    options = arguments[1:] if command is bench_command else arguments
    return guarded(lambda: command.run(parser.parse_args(options)))


if __name__ == "__main__":
    sys.exit(main())
