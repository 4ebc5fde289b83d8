"""Where each buffer lies in the arena: offline placement of buffers with known lifetimes.

Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): the largest buffer
first, each at the lowest offset that is free during its whole life. The peak of the sizes alive at one time is an exact
lower bound: no placement can be smaller for this order of operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

ALIGNMENT = 16


@dataclass
class Buffer:
    """A piece of the arena, alive from time `first` to time `last`, both included."""

    name: str
    bytes: int
    first: int
    last: int
    offset: int = -1

    @property
    def size(self) -> int:
        """Bytes in the arena: rounded up to the alignment."""
        return -(-self.bytes // ALIGNMENT) * ALIGNMENT

    def overlaps(self, other: Buffer) -> bool:
        """Whether both are in use at some step."""
        return self.first <= other.last and other.first <= self.last


def place(buffers: Iterable[Buffer]) -> int:
    """Give every buffer its offset; returns the arena's bytes. The best of three orders is kept."""
    buffers = list(buffers)
    orders: list[Callable[[Buffer], tuple]] = [
        lambda b: (-b.size, b.first, b.name),
        lambda b: (-b.size * (b.last - b.first + 1), b.first, b.name),
        lambda b: (-(b.last - b.first), -b.size, b.name),
    ]
    best: tuple[int, dict[int, int]] | None = None
    for order in orders:
        total, offsets = _first_fit(sorted(buffers, key=order))
        if best is None or total < best[0]:
            best = total, offsets
    assert best is not None
    for buffer in buffers:
        buffer.offset = best[1][id(buffer)]
    return best[0]


def _first_fit(buffers: list[Buffer]) -> tuple[int, dict[int, int]]:
    placed: list[tuple[int, Buffer]] = []
    for buffer in buffers:
        offset = 0
        for start, other in sorted(placed, key=lambda pair: pair[0]):
            if buffer.overlaps(other):
                if start - offset >= buffer.size:
                    break
                offset = max(offset, start + other.size)
        placed.append((offset, buffer))
    total = max((start + buffer.size for start, buffer in placed), default=0)
    return total, {id(buffer): start for start, buffer in placed}


def lower_bound(buffers: Iterable[Buffer]) -> int:
    """The most bytes that are alive at one time."""
    buffers = list(buffers)
    return max((sum(b.size for b in buffers if b.first <= t <= b.last) for t in {b.first for b in buffers}), default=0)
