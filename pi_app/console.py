"""The console: lines in, answers out; from a terminal, a script or a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

from pi_app import words
from pi_app.answers import Answer
from pi_app.bench import bench
from pi_app.line_loop import LineLoop
from pi_app.session import Session


class Console(LineLoop):
    """Runs lines against a session and prints an Answer each.

    Args:
      as_json: one JSON object per answer instead of text.
    """

    def __init__(self, session: Session, as_json: bool = False, output: TextIO | None = None):
        super().__init__(as_json, output)
        self.session = session
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


def help_answer(name: str | None) -> Answer:
    lines = words.help_text(name).splitlines()
    return Answer("help", lines, {"words": [vars(w) for w in words.WORDS if name is None or w.name.startswith(name)]})
