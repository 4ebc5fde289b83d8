"""`bench` on this machine: tokens/s, recall and card times of a converted model."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pi_app.arguments import add_common_arguments
from pi_app.console_command import open_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--card", type=Path, help="folder of a card to read from (default: a new memory, then removed)")
    parser.add_argument("--tokens", help="tokens to decode (default 64)")
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from bitmar.bench import fill
    from pi_app.console import Console
    from pi_app.replies import bench

    with tempfile.TemporaryDirectory() as empty:
        own = args.card is None
        args.card = args.card or Path(empty)
        with open_device(args) as device:
            if own:
                fill(device.memory)
            Console(device, args.json).show(bench(device, args.tokens))
    return 0
