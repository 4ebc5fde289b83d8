"""Lines in, until `quit`: from a script, a pipe or a terminal; shared by the Pi's console and the board's."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from bitmar.errors import BitmarError
from bitmar.memory import OtherNameError
from pi_app import words
from pi_app.terminal import error_line, json_line, printable

PROMPT = "bitmar> "
HISTORY = Path.home() / ".bitmar_history"


class LineLoop:
    """Runs lines through `execute`, which a console defines.

    Args:
      as_json: errors at the terminal are JSON objects too.
    """

    def __init__(self, as_json: bool = False, output: TextIO | None = None) -> None:
        self.as_json, self.output = as_json, output or sys.stdout

    def execute(self, line: str) -> bool:
        """Runs one line; False after `quit`. BitmarError: the line's fault."""
        raise NotImplementedError

    def run_script(self, lines: Iterable[str], name: str) -> None:
        """Runs the lines until `quit` or the first error, which names its line."""
        for number, line in enumerate(lines, 1):
            try:
                if not self.execute(line):
                    return
            except BitmarError as error:
                raise BitmarError(f"{name}:{number}: {error}") from error

    def run_interactive(self) -> None:
        """Reads lines from the terminal until `quit` or end of input; an error is printed and the console goes on."""
        with line_editing():
            while True:
                try:
                    if not self.execute_asking(input(PROMPT)):
                        return
                except BitmarError as error:
                    self.show_error(error)
                except EOFError:
                    print(file=self.output)
                    return

    def execute_asking(self, line: str) -> bool:
        """`execute`; where the same picture has another name it asks what is meant, and any other answer changes nothing."""
        try:
            return self.execute(line)
        except OtherNameError as error:
            if self.as_json:
                raise
            print(f"the same picture is called {printable(error.name)}", file=self.output)
        meant = input("replace|both> ").strip()
        word, rest = line.split(maxsplit=1)
        return self.execute(f"{word} --{meant} {rest}") if meant in ("replace", "both") else True

    def show_error(self, error: BitmarError) -> None:
        if self.as_json:
            print(json_line({"error": str(error)}, self.output), file=self.output, flush=True)
        else:
            print(error_line(error), file=sys.stderr, flush=True)


@contextlib.contextmanager
def line_editing() -> Iterable[None]:
    """Line editing with history and completion of the words, where readline is there."""
    try:
        import readline
    except ImportError:  # some minimal Pythons
        yield
        return
    matches: list[str] = []

    def complete(prefix: str, state: int) -> str | None:
        if state == 0:
            line = readline.get_line_buffer()[: readline.get_endidx()].lstrip()
            start = len(line) - len(prefix)
            matches[:] = [w.name[start:] + " " for w in words.WORDS if w.name.startswith(line)]
        return matches[state] if state < len(matches) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    with contextlib.suppress(OSError):
        readline.read_history_file(HISTORY)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(HISTORY)
