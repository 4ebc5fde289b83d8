"""Options that several commands share: which model, which data, how to answer."""

from __future__ import annotations

import argparse
from pathlib import Path

from bitmar.find_model import find_model

DATA = Path("data")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What console and bench both take."""
    add_model_arguments(parser)
    parser.add_argument(
        "--slots",
        type=int,
        help="number of things that the memory holds (default: what the card has, or the model says)",
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of `pipeline.py data`, for pictures SET/CODE")
    parser.add_argument("--runtime", help="tflite-runtime or ai-edge-litert, where both are installed")
    parser.add_argument("--json", action="store_true", help="one JSON object per answer")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model and --run."""
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--model",
        help="a converted model: its folder, or the name of a shipped one "
        "(default: $BITMAR_MODEL, runs/ultra_tiny/model, or the shipped ultra_tiny)",
    )
    model.add_argument("--run", type=Path, help="folder of a run: its model/ is taken")


def named_model(args: argparse.Namespace) -> Path | None:
    """The folder that --model or --run names; None where neither is given."""
    if args.run:
        return args.run / "model"
    return find_model(args.model) if args.model is not None else None
