#!/usr/bin/env python3
"""Writes docs/cli.md from the parsers of pipeline.py and the console's table of words.

python tools/cli_reference.py           # writes it
python tools/cli_reference.py --check   # exit code 1 if it is out of date
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pi_app import words  # noqa: E402
from pipeline import COMMANDS  # noqa: E402
from tools import generated_file, transcripts  # noqa: E402

PAGE = ROOT / "docs" / "cli.md"

HEAD = """# Commands and words

Written by `python tools/cli_reference.py` from the parsers themselves; a test compares.

Every command ends with exit code 0, with 2 and one line `error: what, where, expected` if its input is at fault, with
1 if it ran and the answer is no (a model that does not fit a board, something missing in `doctor`), with 130 after
Ctrl-C. Nothing is left half-written.
"""

CONSOLE = """## Targets and models

One word for one target in every command: `here` is this machine (console, bench), `pi` a Raspberry Pi (deploy), `qemu` the
emulated board; the rest are boards by their names.

A model is a folder that `convert` wrote, or the name of a shipped one. Every command takes the same one where none is
named: `$BITMAR_MODEL`, then `model/` beside the Python environment that runs it (a bundle on a Pi), then
`runs/ultra_tiny/model`, then the shipped `ultra_tiny`.

## The console's words

The same on this machine (`console --target here`; on a Pi `bitmar`, where only the app is installed), in the emulator
(`--target qemu`) and on a board's serial line (`--target teensy41 --port P`); from a terminal, from a file with
`--script F` (`#` begins a comment; the first error ends it and names its line), or from a pipe. `--json` prints one JSON
object per answer.

A PICTURE is an image file, a `.npy` of 768 numbers, or SET/CODE from the data, e.g. `noto/1f353`. Names are typed as
they are: where a NAME or TEXT comes last no quotes are needed, and an apostrophe is a letter unless it opens a word and
another one ends one. `"..."` and `'...'` hold an argument with spaces together; a backslash makes a blank, a quote, `#` or
another backslash a letter.
"""

AFTER_WORDS = """
Below each word stands what the console says to it, one after the other on one card (recorded by `python tools/transcripts.py`,
replayed by a test; `NAME.npy` and `NAME-2.npy` are two artists' drawings). Left out: the line in brackets after an answer,
with tokens/s, ms/token, the whole time, the time on the card, and how many of the slots that were read were in RAM.
`not saved` marks what is in RAM alone.

- An answer begins with the name that was taught, `perhaps` before it where the device is not sure, or `unknown`; the next
  line says what was seen: the slot, the cosine of its key, and whether the name was decoded from the slot or taken from its
  label. `teach` reads back what it is about to write, in up to 12 forms of the name (as it is, with the picture, in two or
  three layers of the slot, with the token that was misread cut in two), and notes whether one came back.
  `--json` has `verdict` (`known`, `perhaps`, `unknown`; null where the model has no criterion) and `answer_from`
  (`decoded`, `label`).
- The same name is the same thing: another view of it. The same picture under another name is a question,
  `replace|both`; in a script an error, unless `--replace` or `--both` says what is meant.
- `right` adds 0.1 to the importance (0.5 when taught, at most 1), `wrong NAME` takes 0.2 (at least 0.05) and teaches the
  picture under its name. `--keep` saves a thing from eviction and from `mem prune`. Unlikeness is 1 less the highest cosine
  with another thing.
- `caption` is a guess: of things that it was not trained on, about one in a hundred is named exactly.
- `mem restore` takes a state's number, or a time such as `2026-01-31 12:00` (UTC): the last state until then.
"""


def option_rows(parser: argparse.ArgumentParser) -> list[str]:
    """One table row per option, in the parser's order."""
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        names = ", ".join(action.option_strings) or action.dest
        value = "" if action.nargs == 0 or not action.option_strings else f" {value_name(action)}"
        text = (action.help or "") % {**vars(action), "prog": "pipeline.py"}
        rows.append(f"| `{names}{value}` | {text.replace('|', chr(92) + '|')} |")
    return rows


def value_name(action: argparse.Action) -> str:
    if action.metavar:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    if action.choices:
        return "/".join(map(str, action.choices))
    return action.dest.upper()


def page() -> str:
    parts = [HEAD]
    for name, command in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"pipeline.py {name}")
        importlib.import_module(command.module).add_arguments(parser)
        parts.append(f"## pipeline.py {name}\n\n{command.help[0].upper()}{command.help[1:]}.\n")
        parts.append("\n".join(["| option | |", "|---|---|", *option_rows(parser)]) + "\n")
    table = ["| word | |", "|---|---|", *(f"| `{word.usage}` | {word.summary} |" for word in words.WORDS)]
    shown = [f"### {word}\n\n```\n{said.rstrip()}\n```\n" for word, said in transcripts.blocks().items()]
    return "\n".join([*parts, CONSOLE, "\n".join(table), AFTER_WORDS, *shown])


def main() -> int:
    return generated_file.command(PAGE, page, "tools/cli_reference.py", __doc__.splitlines()[0])


if __name__ == "__main__":
    sys.exit(main())
