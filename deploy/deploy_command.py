"""`pipeline.py deploy`: put a converted model on a Raspberry Pi, a board or the emulator."""

from __future__ import annotations

import argparse
from pathlib import Path

from bitmar.errors import BitmarError
from deploy import flash, pi_bundle
from deploy.targets import PI, board_names, check_target
from pi_app.arguments import add_model_arguments, named_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", required=True, help=f"what it goes onto: {', '.join([PI, *board_names()])}")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    pi = parser.add_argument_group("--target pi")
    where = pi.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, help="write the bundle to this folder (default: build/pi)")
    where.add_argument("--host", help="install it on this machine with ssh, e.g. pi@raspberrypi.local")
    pi.add_argument("--arch", default="aarch64", help="architecture of the Pi: aarch64 (64-bit system) or armv7l")
    pi.add_argument("--page", action="store_true", help="with the page for everyone in the house, and a service for it")
    flash.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    target = check_target(args.target, PI)
    args.model = named_model(args)
    if target == PI:
        return pi_bundle.run(args)
    if args.out or args.host or args.page:
        raise BitmarError(f"--target {target}: --out, --host and --page belong to --target pi")
    return flash.run(args)
