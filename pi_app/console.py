"""The console: lines in, replies out; from a terminal, a script or a pipe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TextIO

from bitmar.device import Device
from pi_app import replies, words
from pi_app.line_loop import LineLoop
from pi_app.reply import Reply
from pi_app.terminal import json_line


class Console(LineLoop):
    """Runs lines on a device and prints a Reply each.

    Args:
      as_json: one JSON object per reply instead of text.
    """

    def __init__(self, device: Device, as_json: bool = False, output: TextIO | None = None):
        super().__init__(as_json, output)
        self.device = device
        self.handlers: dict[str, Callable[[words.Call], Reply]] = {
            "teach": lambda call: replies.teach(device, *call.arguments, options=call.options),
            "ask": lambda call: replies.ask(device, *call.arguments),
            "watch": self.watch,
            "right": lambda call: replies.right(device),
            "wrong": lambda call: replies.wrong(device, *call.arguments),
            "caption": lambda call: replies.caption(device, *call.arguments),
            "say": lambda call: replies.say(device, *call.arguments),
            "forget": lambda call: replies.forget(device, *call.arguments),
            "rename": lambda call: replies.rename(device, *call.arguments),
            "mem show": lambda call: replies.mem_show(device),
            "mem verify": lambda call: replies.mem_verify(device),
            "mem prune": lambda call: replies.mem_prune(device, *call.arguments),
            "mem history": lambda call: replies.mem_history(device),
            "mem undo": lambda call: replies.mem_undo(device, *call.arguments),
            "mem restore": lambda call: replies.mem_restore(device, *call.arguments),
            "mem diff": lambda call: replies.mem_diff(device, *call.arguments),
            "bench": lambda call: replies.bench(device, *call.arguments),
            "help": lambda call: replies.explain(*call.arguments),
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

    def watch(self, call: words.Call) -> Reply:
        """Shows what is seen whenever it changes; returns what it cost."""
        costs, last, start = [], None, time.perf_counter()
        with contextlib.suppress(KeyboardInterrupt):
            for seen in replies.watched(self.device, *call.arguments):
                costs.append(seen.seconds)
                if (now := (seen.answer.verdict, seen.answer.text)) != last:
                    self.show(replies.sighting(len(costs), seen))
                    last = now
        return replies.watch_costs(costs, time.perf_counter() - start)

    def show(self, reply: Reply) -> None:
        text = json_line(reply.as_dict(), self.output) if self.as_json else reply.text()
        print(text, file=self.output, flush=True)
