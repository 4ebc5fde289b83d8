"""Property: a lazy memory, whose slots and index wait for a flush, loses nothing that was acknowledged to a power cut at any of
its writes, whatever of the writes behind the last barrier is there and though the 64 KB around the cut are garbage."""

from __future__ import annotations

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.history import content
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2, "lazy": 1, "segment_bytes": 1}  # blocks of 128 entries, one a file


def live(card: RamCard, first: int, cut: int) -> list[list[tuple[str, bytes]]]:
    """Fourteen words after `first` others; the power goes in write `cut` of theirs (0: never). What the memory held before and
    after each word that was acknowledged."""
    rng = np.random.default_rng(0)
    memory = card.open(n.config(**CONFIG))
    states = [content(memory)]
    try:
        for i in range(first + 14):
            if i == first:
                states, card.writes, card.cut_at = [content(memory)], 0, cut
            if i % 5 == 4:
                memory.call("forget", f"thing {i - 1}".encode(), None)
            else:
                memory.teach(f"thing {i}", *n.random_episode(rng, CONFIG["dim"]))
            states.append(content(memory))
            if i % 7 == 6:
                memory.call("flush")
    except n.StoreError as error:
        assert cut and error.code == n.NO_CARD
    return states


@pytest.mark.parametrize("first", [0, 120])
def test_a_cut_at_any_write(first: int) -> None:
    """120: over the border of a block and of a file of the history."""
    rng, whole = np.random.default_rng(1), RamCard()
    states = live(whole, first, 0)
    assert len(states) == 15 and whole.writes > 40
    for cut in range(1, whole.writes + 1, 8 if first else 2):
        card = RamCard()
        done = len(live(card, first, cut)) - 1
        for keep in (lambda write: False, lambda write: True, lambda write: bool(rng.integers(2))):
            memory = card.cut(keep).open(n.config(**CONFIG))
            assert content(memory) in states[done : done + 2] and memory.report.lost == 0, cut
