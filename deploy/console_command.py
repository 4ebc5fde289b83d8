"""`pipeline.py console`: on this machine, or with a board or the emulator at the other end of a line."""

from __future__ import annotations

import argparse

from deploy.targets import HERE, board_names, check_no_port, check_target
from pi_app import console_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    console_command.add_arguments(parser)


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """--target and --port, for what runs here as well as on a board."""
    boards = ", ".join(board_names())
    parser.add_argument("--target", default=HERE, help=f"where it runs: here (this machine), {boards} (default: here)")
    parser.add_argument("--port", help="serial port of a board, e.g. /dev/ttyACM0")


def run(args: argparse.Namespace) -> int:
    if check_target(args.target, HERE) == HERE:
        check_no_port(HERE, args.port)
        return console_command.run(args)
    from deploy.board import console

    return console.run(args)
