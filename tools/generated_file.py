"""The command line of a tool that writes one file of docs/: without options it writes, with --check it compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def command(path: Path, make: Callable[[], str], tool: str, description: str) -> int:
    """Exit code: 1 where `--check` finds that `path` is not what `make` gives; `tool` is named as what would write it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check, fresh = parser.parse_args().check, make()
    if not check:
        path.write_text(fresh, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != fresh:
        print(f"{path}: out of date, run python {tool}", file=sys.stderr)
        return 1
    return 0
