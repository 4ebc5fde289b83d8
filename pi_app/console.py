"""The console: lines in, answers out; from a terminal, a script or a pipe."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from pi_app import words
from pi_app.answers import Answer
from pi_app.bench import bench
from pi_app.errors import BitmarError
from pi_app.session import Session

PROMPT = "bitmar> "
HISTORY = Path.home() / ".bitmar_history"


class Console:
    """Runs lines against a session and prints an Answer each.

    Args:
      as_json: one JSON object per answer instead of text.
    """

    def __init__(self, session: Session, as_json: bool = False, output: TextIO | None = None):
        self.session, self.as_json, self.output = session, as_json, output or sys.stdout
        self.handlers: dict[str, Callable[[words.Call], Answer]] = {
            "teach": lambda call: session.teach(*call.arguments, replace="--replace" in call.options),
            "ask": lambda call: session.ask(*call.arguments),
            "caption": lambda call: session.caption(*call.arguments),
            "say": lambda call: session.say(*call.arguments),
            "forget": lambda call: session.forget(*call.arguments),
            "rename": lambda call: session.rename(*call.arguments),
            "mem show": lambda call: session.mem_show(),
            "mem verify": lambda call: session.mem_verify(),
            "mem prune": lambda call: session.mem_prune(*call.arguments),
            "mem snapshot": lambda call: session.mem_snapshot(),
            "mem history": lambda call: session.mem_history(),
            "mem restore": lambda call: session.mem_restore(*call.arguments),
            "bench": lambda call: bench(session, call.arguments[0]),
            "help": lambda call: help_answer(call.arguments[0]),
        }

    def execute(self, line: str) -> bool:
        """Runs one line; False after `quit`.

        Raises:
          BitmarError: the line's fault; nothing was changed.
        """
        call = words.parse(line)
        if call is None:
            return True
        if call.word.name == "quit":
            return False
        self.show(self.handlers[call.word.name](call))
        return True

    def show(self, answer: Answer) -> None:
        text = json.dumps(answer.as_dict(), ensure_ascii=False) if self.as_json else answer.text()
        print(text, file=self.output, flush=True)

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
                    if not self.execute(input(PROMPT)):
                        return
                except BitmarError as error:
                    self.show_error(error)
                except EOFError:
                    print(file=self.output)
                    return

    def show_error(self, error: BitmarError) -> None:
        if self.as_json:
            print(json.dumps({"error": str(error)}, ensure_ascii=False), file=self.output, flush=True)
        else:
            print(f"error: {error}", file=sys.stderr, flush=True)


def help_answer(name: str | None) -> Answer:
    lines = words.help_text(name).splitlines()
    return Answer("help", lines, {"words": [vars(w) for w in words.WORDS if name is None or w.name.startswith(name)]})


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
