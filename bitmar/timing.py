"""What an answer cost: time, tokens, and what it did to the memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bitmar.memory import Memory


@dataclass
class Timing:
    """What an answer cost: filled in by `measured`.

    Attributes:
      tokens: how many were generated, the closing <eos> included.
      decode_s: seconds of generation.
      total_s: seconds of everything.
      card_ms: milliseconds that reading and writing the card took.
      hits: slots that were read from RAM.
      misses: slots that had to be read from the card.
    """

    tokens: int = 0
    decode_s: float = 0.0
    total_s: float = 0.0
    card_ms: float = 0.0
    hits: int = 0
    misses: int = 0

    @property
    def tokens_per_s(self) -> float | None:
        """Generated tokens in a second of generation; None where nothing was generated."""
        return self.tokens / self.decode_s if self.tokens and self.decode_s else None

    @property
    def hit_rate(self) -> float | None:
        """Share of the slots that were read from RAM; None where none was read."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


@contextmanager
def measured(memory: Memory) -> Iterator[Timing]:
    """Times the block and counts what it did to the memory; the Timing is complete when the block has ended."""
    timing, before, start = Timing(), memory.stats(), time.perf_counter()
    yield timing
    after = memory.stats()
    timing.total_s = time.perf_counter() - start
    timing.card_ms = (after.micros_read + after.micros_write - before.micros_read - before.micros_write) / 1000
    timing.hits, timing.misses = after.hits - before.hits, after.misses - before.misses
