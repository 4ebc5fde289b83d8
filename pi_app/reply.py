"""One reply of the console: a dictionary for `--json`, and its lines for people."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from bitmar.timing import Timing
from pi_app.terminal import printable


@dataclass
class Reply:
    """One word's result: `fields` go into the JSON object, `lines` are shown to people, `timing` to both."""

    word: str
    lines: list[str]
    fields: dict[str, Any] = field(default_factory=dict)
    timing: Timing | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"word": self.word, **self.fields, **(timing_fields(self.timing) if self.timing else {})}

    def text(self) -> str:
        lines = self.lines + ([timing_line(self.timing)] if self.timing else [])
        return "\n".join(map(printable, lines))


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def timing_fields(timing: Timing) -> dict[str, Any]:
    """What an answer cost, for `--json`."""
    return {
        "tokens": timing.tokens,
        "tokens_per_s": rounded(timing.tokens_per_s, 1),
        "ms_per_token": rounded(1000 * timing.decode_s / timing.tokens if timing.tokens else None, 3),
        "total_ms": round(1000 * timing.total_s, 3),
        "card_ms": round(timing.card_ms, 3),
        "hit_rate": rounded(timing.hit_rate, 3),
    }


def timing_line(timing: Timing) -> str:
    """What an answer cost, for people."""
    numbers = timing_fields(timing)
    parts = []
    if timing.tokens:
        parts += [f"{numbers['tokens_per_s']} tokens/s", f"{numbers['ms_per_token']} ms/token"]
    parts += [f"{numbers['total_ms']} ms in all", f"card {numbers['card_ms']} ms"]
    if timing.hit_rate is not None:
        parts.append(f"cache hits {100 * timing.hit_rate:.0f} %")
    return "  [" + ", ".join(parts) + "]"


def when(unix_seconds: int) -> str:
    """A time for people, in UTC."""
    if not unix_seconds:
        return "unknown"
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def table(heads: list[str], rows: list[list[Any]]) -> list[str]:
    """Left-aligned columns."""
    cells = [heads, *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
