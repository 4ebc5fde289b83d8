"""`pipeline.py console --target qemu | teensy41 | ...`: the console of a board, with the same words as on the Pi.

This side reads pictures and sends them in their canonical form, or, for a board that sees, `pixels:FILE` as the input of its
network; everything else happens on the board. With --json each line is sent with a `!` before it, and the board answers with one
JSON object.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bitmar.bench import random_picture
from bitmar.errors import BitmarError
from bitmar.eye import prepare
from bitmar.image_file import open_image
from bitmar.memory import OTHER_NAME, OtherNameError
from bitmar.model_folder import read_model
from bitmar.picture_source import PictureSource
from deploy.board.link import BoardLink, check_card, open_emulator, open_serial
from deploy.firmware import build
from deploy.models import pick_model
from deploy.targets import QEMU, check_no_port
from pi_app import words
from pi_app.arguments import named_model
from pi_app.console_command import read_script, run_lines
from pi_app.line_loop import LineLoop
from pi_app.terminal import json_line, printable

PICTURE = "PICTURE"
CAMERA, ON_CARD = "camera", "card:"  # pictures that the board has, not this side
PIXELS, AS_PIXELS = "pixels", "pixels:"  # what the board calls the pixels that it was sent; a file to be sent so
LINE_KEYS = "\n\r\0\x04\x08\x7f"  # what the board's line editor takes for itself (mcu_app/src/app/console.cpp)
ERROR = "error: "


def checked(content: bytes) -> str:
    """Base64 of some bytes and their CRC-32."""
    return base64.b64encode(content + struct.pack("<I", zlib.crc32(content))).decode()


def picture_line(q: np.ndarray, scale: float) -> str:
    """A picture as the board takes it: base64 of 768 int8, their float32 scale and the CRC-32 of both."""
    return checked(np.asarray(q, np.int8).tobytes() + np.float32(scale).tobytes())


def pixel_lines(prepared: np.ndarray) -> list[str]:
    """The lines that send a network's input, int8 [128, 128, 3] as `bitmar.eye.prepare` gives it, as pixels of 0 to 255."""
    rows = prepared.view(np.uint8) ^ np.uint8(128)
    return [f"{PIXELS} {row} {checked(pixels.tobytes())}" for row, pixels in enumerate(rows)]


def quoted(text: str) -> str:
    """One argument for the board's parser, which reads quotes as a shell does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def board_error(text: str) -> BitmarError:
    """What the board says about a line."""
    name, found, _ = text.removeprefix(f"{OTHER_NAME} ").rpartition(": --replace")
    return OtherNameError(name) if found and text.startswith(OTHER_NAME) else BitmarError(text)


class BoardConsole(LineLoop):
    """Sends lines to a board and shows its answers.

    Args:
      as_json: ask for JSON objects instead of text.
      greeting: what the board said when it started.
    """

    def __init__(
        self,
        link: BoardLink,
        pictures: PictureSource,
        as_json: bool = False,
        output: TextIO | None = None,
        greeting: str = "",
    ) -> None:
        super().__init__(as_json, output)
        self.link, self.pictures, self.greeting = link, pictures, greeting

    def board_line(self, call: words.Call) -> str:
        """A parsed line as the board takes it."""
        parts = [call.word.name, *sorted(call.options)]
        for parameter, argument in zip(call.word.parameters, call.arguments, strict=True):
            if argument is None:
                continue
            if parameter == PICTURE and (argument == CAMERA or argument.startswith(ON_CARD)):
                parts.append(quoted(argument))  # the board sees for itself
            elif parameter == PICTURE and argument.startswith(AS_PIXELS):
                parts.append(PIXELS)
            elif parameter == PICTURE:
                seen = self.pictures.read(argument)
                parts.append(picture_line(seen.q, seen.scale))
            else:
                parts.append(quoted(argument))
        line = " ".join(parts)
        if taken := next((c for c in line if c in LINE_KEYS), None):
            raise BitmarError(
                f"{call.word.name}: U+{ord(taken):04X} ends or edits a board's line, expected text without it"
            )
        return line

    def execute(self, line: str) -> bool:
        """Runs one line; False after `quit`.

        Raises:
          BitmarError: the line's fault, or what the board says about it.
        """
        call = words.parse(line)
        if call is None:
            return True
        if call.word.name == "quit":
            return False
        if call.word.name in words.NOT_ON_BOARDS:
            raise BitmarError(f"{call.word.name}: not on a board, expected `ask camera`")
        if call.word.name == "help" and not self.as_json:
            print(words.help_text(call.arguments[0]), file=self.output, flush=True)
            return True
        line = self.board_line(call)
        for parameter, argument in zip(call.word.parameters, call.arguments, strict=True):
            if parameter == PICTURE and argument.startswith(AS_PIXELS):
                self.send_pixels(Path(argument.removeprefix(AS_PIXELS)))
        if self.as_json:
            print(json_line(self.ask(line), self.output), file=self.output, flush=True)
        else:
            self.link.send(line)
            self._show_text()
        return True

    def send_pixels(self, path: Path) -> None:
        """An image file, cropped and scaled as the board would do it, for its next word.

        Raises:
          BitmarError: the file's fault, or what the board says about it.
        """
        for line in pixel_lines(prepare(open_image(path))):
            self.ask(line)

    def ask(self, line: str) -> dict[str, Any]:
        """The board's JSON object for a line that it understands; BitmarError for an error it reports."""
        self.link.send(f"!{line}")
        answer = self.link.read_answer()
        try:
            fields = json.loads(answer)
        except ValueError as error:
            raise BitmarError(f"the board's answer is not JSON: {answer[-300:]!r}") from error
        if "error" in fields:
            raise board_error(fields["error"])
        return fields

    def _show_text(self) -> None:
        """Shows the answer while it comes, unless it is an error: that is raised when it is complete."""
        held, shown = "", False
        for piece in self.link.stream_answer():
            held += piece
            if shown or not (held.startswith(ERROR) or ERROR.startswith(held)):
                self._show(held)
                held, shown = "", True
        if held.startswith(ERROR):
            raise board_error(held.removeprefix(ERROR).strip())
        self._show(held)

    def _show(self, text: str) -> None:
        """A piece of the board's answer; its lines end with a line feed, or on some serial lines with two characters."""
        shown = "\n".join(map(printable, text.replace("\r", "").split("\n")))
        print(shown, end="", file=self.output, flush=True)


def run(args: argparse.Namespace) -> int:
    """The console of --target qemu or a board."""
    script = read_script(args.script) if args.script else None
    with open_console(args) as console:
        run_lines(console, args.script, script, console.greeting)
    return 0


def run_bench(args: argparse.Namespace) -> int:
    """The word `bench` alone; the emulator without a card first fills its memory, which is slowest when full."""
    with open_console(args) as console:
        if args.target == QEMU and args.card is None:
            for slot in range(args.slots or console.pictures.model.memory_slots):
                picture = random_picture(slot)
                console.ask(f'teach {picture_line(picture.q, picture.scale)} "thing {slot}"')
        console.execute("bench" if args.tokens is None else f"bench {args.tokens}")
    return 0


@contextlib.contextmanager
def open_console(args: argparse.Namespace) -> Iterator[BoardConsole]:
    """The board's console, ready for the first line; its card is closed at the end, unless an error ends it."""
    model = read_model(pick_model(named_model(args)))
    pictures = PictureSource(model, args.data, args.runtime)
    with contextlib.closing(open_link(args, model.path)) as link:
        greeting = link.wait_ready()
        yield BoardConsole(link, pictures, args.json, greeting=greeting)
        link.quit()


def open_link(args: argparse.Namespace, model: Path) -> BoardLink:
    """The emulator with this model's firmware, or a board on a serial port."""
    if args.target == QEMU:
        check_no_port(QEMU, args.port)
        if args.card is not None:
            check_card(args.card)  # before the firmware is built
        return open_emulator(build(model).elf, args.card, args.slots)
    if not args.port:
        raise BitmarError("--port P is missing: the serial port of the board, e.g. /dev/ttyACM0")
    return open_serial(args.port)
