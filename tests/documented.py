"""The commands in the project's pages, as a reader would type them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "bitmar> "


@dataclass(frozen=True)
class Command:
    """One command of a page; `words` are the lines that its console is told."""

    page: str
    line: str
    words: tuple[str, ...] = ()


def pages() -> list[Path]:
    """Every page that a reader may take commands from."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("examples/**/*.md"))]


def commands() -> list[Command]:
    """All commands of all pages, in order."""
    found = []
    for page in pages():
        name = page.relative_to(ROOT).as_posix()
        for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = [line for line in body.splitlines() if line.strip() and not line.startswith("#")]
            if kind == "sh":
                found += [Command(name, without_comment(line)) for line in lines]
            else:
                words = tuple(line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT))
                found += [Command(name, line.removeprefix("$ "), words) for line in lines if line.startswith("$ ")]
    return found


def without_comment(line: str) -> str:
    """The line without what stands behind two blanks and a #."""
    return re.sub(r"\s{2,}#.*$", "", line).rstrip()
