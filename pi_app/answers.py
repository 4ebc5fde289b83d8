"""What the console answers: one dictionary per word for `--json`, and its lines for people."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bitmar.memory import Memory


@dataclass
class Timing:
    """What an answer cost: filled in by `measured`.

    tokens: generated; decode_s: seconds of generation; total_s: of everything; card_ms, hits, misses: of the memory.
    """

    tokens: int = 0
    decode_s: float = 0.0
    total_s: float = 0.0
    card_ms: float = 0.0
    hits: int = 0
    misses: int = 0

    def as_dict(self) -> dict[str, Any]:
        lookups = self.hits + self.misses
        return {
            "tokens": self.tokens,
            "tokens_per_s": round(self.tokens / self.decode_s, 1) if self.decode_s else None,
            "ms_per_token": round(1000 * self.decode_s / self.tokens, 3) if self.tokens else None,
            "total_ms": round(1000 * self.total_s, 3),
            "card_ms": round(self.card_ms, 3),
            "hit_rate": round(self.hits / lookups, 3) if lookups else None,
        }

    def line(self) -> str:
        numbers = self.as_dict()
        parts = []
        if self.tokens:
            parts += [f"{numbers['tokens_per_s']} tokens/s", f"{numbers['ms_per_token']} ms/token"]
        parts += [f"{numbers['total_ms']} ms in all", f"card {numbers['card_ms']} ms"]
        if numbers["hit_rate"] is not None:
            parts.append(f"cache hits {100 * numbers['hit_rate']:.0f} %")
        return "  [" + ", ".join(parts) + "]"


@contextmanager
def measured(memory: Memory) -> Iterator[Timing]:
    """Times the block and counts what it did to the memory."""
    timing, before, start = Timing(), memory.stats(), time.perf_counter()
    yield timing
    after = memory.stats()
    timing.total_s = time.perf_counter() - start
    timing.card_ms = (after.micros_read + after.micros_write - before.micros_read - before.micros_write) / 1000
    timing.hits, timing.misses = after.hits - before.hits, after.misses - before.misses


@dataclass
class Answer:
    """One word's result: `fields` go into the JSON object, `lines` are shown to people."""

    word: str
    lines: list[str]
    fields: dict[str, Any] = field(default_factory=dict)
    timing: Timing | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"word": self.word, **self.fields, **(self.timing.as_dict() if self.timing else {})}

    def text(self) -> str:
        return "\n".join(self.lines + ([self.timing.line()] if self.timing else []))


def when(unix_seconds: int) -> str:
    """A time for people, in UTC."""
    if not unix_seconds:
        return "unknown"
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def table(heads: list[str], rows: list[list[Any]]) -> list[str]:
    """Left-aligned columns."""
    cells = [heads, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
