"""`pipeline.py bench`: tokens/s, recall and card times of a converted model on this machine."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from pi_app.console_command import add_common_arguments, open_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--card", type=Path, help="folder of a card to read from (default: a new memory, then removed)")
    parser.add_argument("--tokens", help="tokens to decode (default 64)")
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from pi_app.bench import bench, fill
    from pi_app.console import Console

    with tempfile.TemporaryDirectory() as empty:
        own = args.card is None
        args.card = args.card or Path(empty)
        with open_session(args) as session:
            if own:
                fill(session)
            Console(session, args.json).show(bench(session, args.tokens))
    return 0
