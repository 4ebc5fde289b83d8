"""The console on this machine and, where only the app is installed, the `bitmar` command: teach, ask, look into the memory."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bitmar.errors import BitmarError
from pi_app.arguments import add_common_arguments, named_model

if TYPE_CHECKING:
    from bitmar.device import Device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--card", type=Path, help="folder of the card (the memory is bitmar_memory/ in it)")
    add_common_arguments(parser)
    parser.add_argument("--script", type=Path, help="run the words in this file, stop at the first error")


def run(args: argparse.Namespace) -> int:
    from pi_app.console import Console
    from pi_app.replies import greeting

    script = read_script(args.script) if args.script else None
    with open_device(args) as device:
        console = Console(device, args.json)
        try:
            if script is not None:
                console.run_script(script, str(args.script))
            elif sys.stdin.isatty():
                if not args.json:
                    print(greeting(device))
                console.run_interactive()
            else:
                console.run_script(sys.stdin, "standard input")
        except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
    return 0


def open_device(args: argparse.Namespace) -> Device:
    """The device that the arguments describe; a context manager that closes its card."""
    from bitmar.device import Device

    if args.card is None:
        raise BitmarError("--card DIR is missing: the folder of the card that the memory lives on")
    return Device(args.card, named_model(args), slots=args.slots, data=args.data, runtime=args.runtime)


def read_script(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BitmarError(f"script {path}: cannot be read ({error})") from error
