"""`pipeline.py deploy`: put a converted model on a Raspberry Pi, a board or the emulator."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from bitmar.errors import BitmarError
from pi_app.console_command import add_model_arguments, named_model

BOARD_MODULE = "deploy.flash"  # fit report, firmware build, flashing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", required=True, help="pi, qemu, or a board such as teensy41")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    pi = parser.add_argument_group("--target pi")
    where = pi.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, help="write the bundle to this folder (default: build/pi)")
    where.add_argument("--host", help="install it on this machine with ssh, e.g. pi@raspberrypi.local")
    pi.add_argument("--arch", default="aarch64", help="architecture of the Pi: aarch64 (64-bit system) or armv7l")
    if board := board_module():
        board.add_arguments(parser)


def board_module():
    """The module for boards and the emulator, or None where this checkout has none."""
    try:
        return importlib.import_module(BOARD_MODULE)
    except ModuleNotFoundError as error:
        if error.name == BOARD_MODULE:
            return None
        raise


def run(args: argparse.Namespace) -> int:
    args.model = named_model(args)
    if args.target == "pi":
        from deploy import pi_bundle

        return pi_bundle.run(args)
    board = board_module()
    if board is None:
        raise BitmarError(f"--target {args.target}: {BOARD_MODULE} is not part of this checkout, expected --target pi")
    if args.out or args.host:
        raise BitmarError(f"--target {args.target}: --out and --host belong to --target pi")
    return board.run(args)
