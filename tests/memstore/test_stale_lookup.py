"""Property: a word acts on what the memory holds now, not on what it held before a write whose outcome was open."""

from __future__ import annotations

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2}


def failed_replace() -> n.Memory:
    """`--replace` of B by X: the card fails when it is in the log, and for a while after; then it works."""
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(n.config(**CONFIG))
    keys = [n.random_episode(rng, CONFIG["dim"]) for _ in range(3)]
    memory.teach("A", *keys[0])
    memory.teach("B", *keys[1])
    good = card.barriers
    card.fail_sync = lambda number: number > good
    with pytest.raises(n.StoreError):
        memory.teach("X", keys[2][0], keys[1][1], replace=True)
    card.fail_sync = lambda number: False
    return memory


@pytest.mark.parametrize("word", ["forget", "forget what was there", "rename", "prune"])
def test_a_failed_replace_and_the_next_word(word: str) -> None:
    memory = failed_replace()
    if word == "forget":
        with pytest.raises(n.StoreError) as error:
            memory.call("forget", b"X", None)
        assert error.value.code == n.NOT_FOUND
    elif word == "forget what was there":
        memory.call("forget", b"B", None)
        assert set(memory.names().values()) == {"A"}
        return
    elif word == "rename":
        with pytest.raises(n.StoreError) as error:
            memory.rename(b"X", b"C")
        assert error.value.code == n.NOT_FOUND
    else:
        memory.lib.ms_prune(memory.handle, n.c.c_float(0.0), None)
    assert set(memory.names().values()) == {"A", "B"}
