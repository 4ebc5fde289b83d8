"""`python -m pi_app` and, once installed, `bitmar`: the console, or with `bench` or `serve` before the options one of these."""

from __future__ import annotations

import sys

from pi_app import bench_command, console_command, serve_command
from pi_app.command_line import Parser, guarded

COMMANDS = {"bench": bench_command, "serve": serve_command}


def main(argv: list[str] | None = None) -> int:
    """`bitmar --card DIR ...` is the console, `bitmar serve ...` the page, `bitmar bench ...` the measurement; the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    command = COMMANDS.get(arguments[0], console_command) if arguments else console_command
    parser = Parser(prog="bitmar", description=command.__doc__)
    command.add_arguments(parser)
    options = arguments if command is console_command else arguments[1:]
    return guarded(lambda: command.run(parser.parse_args(options)))


if __name__ == "__main__":
    sys.exit(main())
