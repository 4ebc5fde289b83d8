"""`pipeline.py console` and, on a Pi, `bitmar`: teach, ask and look into the memory."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from bitmar.errors import BitmarError

TARGETS = ("pi", "qemu", "mcu")
DATA = Path("data")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", choices=TARGETS, default="pi", help="this machine, the emulator or a board")
    parser.add_argument("--card", type=Path, help="folder of the card (the memory is bitmar_memory/ in it)")
    parser.add_argument("--port", help="serial port of the board (--target mcu)")
    add_common_arguments(parser)
    parser.add_argument("--script", type=Path, help="run the words in this file, stop at the first error")


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
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--model", type=Path, help="folder of a converted model (default: model/ or runs/demo/model/)")
    model.add_argument("--run", type=Path, help="folder of a run: its model/ is taken")


def named_model(args: argparse.Namespace) -> Path | None:
    """The folder that --model or --run names."""
    return args.run / "model" if args.run else args.model


def run(args: argparse.Namespace) -> int:
    args.model = named_model(args)
    if args.target != "pi":
        return board_console().run(args)
    from pi_app.console import Console

    script = read_script(args.script) if args.script else None
    with open_session(args) as session:
        console = Console(session, args.json)
        try:
            if script is not None:
                console.run_script(script, str(args.script))
            elif sys.stdin.isatty():
                if not args.json:
                    print(session.greeting())
                console.run_interactive()
            else:
                console.run_script(sys.stdin, "standard input")
        except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return 0


def board_console():
    try:
        return importlib.import_module("deploy.board.console")
    except ImportError as error:
        raise BitmarError(
            f"--target qemu and mcu need the whole checkout and pip install '.[mcu]' ({error})"
        ) from error


def open_session(args: argparse.Namespace):
    """The session that the arguments describe; a context manager that closes it."""
    from bitmar.model_folder import default_model, read_model
    from pi_app.session import Session

    if args.card is None:
        raise BitmarError("--card DIR is missing: the folder of the card that the memory lives on")
    if args.slots is not None and not 1 <= args.slots <= 32768:
        raise BitmarError(f"--slots {args.slots}: expected 1 to 32768")
    model = read_model(named_model(args) or default_model())
    return Session(model, args.card, args.slots, args.data, args.runtime)


def read_script(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BitmarError(f"script {path}: cannot be read ({error})") from error


def main(argv: list[str] | None = None) -> int:
    """The `bitmar` command: `bitmar --card DIR ...` is the console, `bitmar bench ...` the measurement."""
    from pi_app import bench_command

    arguments = sys.argv[1:] if argv is None else argv
    command = bench_command if arguments[:1] == ["bench"] else sys.modules[__name__]
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
