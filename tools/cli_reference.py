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

A PICTURE is an image file, a `.npy` of 768 numbers, or SET/CODE from the data, e.g. `noto/1f353`. Names are quoted as
in a shell; where a NAME or TEXT comes last, the quotes may be left out.
"""

AFTER_WORDS = """
After an answer, in brackets: tokens/s, ms/token, the whole time, the time on the card, and how many of the slots that
were read were in RAM.

`ask` shows what was decoded from the slot and, behind it, the slot's stored name: they differ where decoding erred,
and after `rename`, which changes the name and not the episode (`teach` the new name to change both). `not saved`
marks what is in RAM alone.

```
bitmar> teach strawberry.png "grandma's strawberry"
grandma's strawberry: new in slot 0
bitmar> ask another-strawberry.jpg
grandma's strawberry (slot 0: grandma's strawberry, score 0.871)
```

`mem restore` takes a state's number, or a time such as `2026-01-31 12:00` (UTC): the last state until then.
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
    return "\n".join([*parts, CONSOLE, "\n".join(table), AFTER_WORDS])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    fresh = page()
    if parser.parse_args().check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != fresh)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
