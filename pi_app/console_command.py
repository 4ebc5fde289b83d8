"""The console on this machine and, where only the app is installed, the `bitmar` command: teach, ask, look into the memory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bitmar.errors import BitmarError
from pi_app.arguments import add_common_arguments, named_model
from pi_app.line_loop import LineLoop
from pi_app.terminal import printable
from pi_app.words import MAX_LINE

if TYPE_CHECKING:
    from bitmar.device import Device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--card", type=Path, help="folder of the card (the memory is bitmar_memory/ in it)")
    parser.add_argument(
        "--camera",
        metavar="SOURCE",
        help="what `camera` is as a picture: picamera2, /dev/video0, or, to try it, a folder of pictures or a video",
    )
    add_common_arguments(parser)
    parser.add_argument("--script", type=Path, help="run the words in this file, stop at the first error")


def run(args: argparse.Namespace) -> int:
    from pi_app.console import Console
    from pi_app.replies import greeting

    script = read_script(args.script) if args.script else None
    with open_device(args, args.camera) as device:
        console = Console(device, args.json)
        run_lines(console, args.script, script, greeting(device))
    return 0


def open_device(args: argparse.Namespace, camera: str | None = None) -> Device:
    """The device that the arguments describe, with a source of frames or without; a context manager that closes its card."""
    from bitmar.device import Device

    if args.card is None:
        raise BitmarError("--card DIR is missing: the folder of the card that the memory lives on")
    return Device(args.card, named_model(args), slots=args.slots, data=args.data, runtime=args.runtime, camera=camera)


def run_lines(console: LineLoop, path: Path | None, script: list[str] | None, greeting: str) -> None:
    """Lines from the script, if there is one, or else from the terminal or the pipe."""
    if script is not None:
        console.run_script(script, str(path))
    elif sys.stdin.isatty():
        if not console.as_json:
            for line in greeting.split("\n"):
                print(printable(line))
        console.run_interactive()
    else:
        console.run_script(bounded_lines(sys.stdin), "standard input")


def bounded_lines(stream: TextIO) -> Iterator[str]:
    """Lines of a stream; one that is too long for any word comes in pieces that are too long as well."""
    return iter(lambda: stream.readline(MAX_LINE + 2), "")


def read_script(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")  # `splitlines` would also split at U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise BitmarError(f"script {path}: cannot be read ({error})") from error
