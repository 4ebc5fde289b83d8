"""Property: a restore is found by the time it was asked for, whatever the clock did, and an interrupted one never keeps a
memory from being opened."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.archive import MARGIN, STATE_BYTES, config, find, restore, seal, take
from tests.memstore.ram_card import RamCard


def interrupted() -> RamCard:
    """A card whose header says that state 1 is being restored, and nothing else of it is done."""
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(config())
    for i in range(4):
        take(memory, rng, f"thing {i}")
    memory.close()
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", MARGIN)):
        header = bytearray(card.files[name][at : at + 512])
        struct.pack_into("<QI", header, 32, struct.unpack_from("<Q", header, 32)[0] + 1, 2)
        card.files[name][at : at + 512] = card.durable[name][at : at + 512] = seal(header)
    return card


def test_an_interrupted_restore_is_finished() -> None:
    memory = interrupted().open(config())
    assert memory.report.restore_finished == 1
    assert set(memory.names().values()) == {"thing 0", "thing 1"}


@pytest.mark.parametrize("offset", [0, 512, 512 + 2048])
def test_an_unreadable_archive_sector_keeps_no_memory_from_being_opened(offset: int) -> None:
    card = interrupted()
    card.unreadable = {("states/000000.bin", (MARGIN + STATE_BYTES + offset) // 512)}
    with pytest.raises(n.StoreError):
        card.open(config(), flags=1).teach("x", *n.random_episode(np.random.default_rng(0)))
    looked = card.open(config(), flags=1)
    assert looked.report.restore_finished == 3 and len(looked.names()) == 4
    assert "waits to be finished" in looked.report_text()
    memory = card.open(config())
    assert memory.report.restore_finished == 2 and memory.report.lost == 0
    memory.teach("next", *n.random_episode(np.random.default_rng(0)))
    memory.close()
    assert card.open(config()).report.restore_finished == 0


def test_the_state_of_a_time_is_found_whatever_the_clock_did() -> None:
    """Against the definition: the last state whose time is known and not later."""
    rng, chance = np.random.default_rng(1), random.Random(1)
    for _ in range(8):
        memory = RamCard().open(config(states_per_file=20))
        times, clock = [], 1000
        for i in range(chance.randrange(1, 40)):
            clock += chance.choice([0, 1, 5, 50])
            if chance.random() < 0.12:
                clock = chance.randrange(500, 2000)
            times.append(0 if chance.random() < 0.25 else clock)
            take(memory, rng, f"thing {i}", times[-1])
        for asked in (0, 1, 499, *chance.sample(range(500, 2500), 25), 2**32 - 1, *times):
            expected = [number for number, time in enumerate(times) if time and time <= asked]
            assert find(memory, asked) == (expected[-1] if expected else None), (asked, times)


def test_restore_of_what_is_not_there() -> None:
    card = interrupted()
    memory = card.open(config())
    before = memory.names()
    for number in (4, 5, 1 << 31, (1 << 32) - 1):
        with pytest.raises(n.StoreError) as error:
            restore(memory, number)
        assert error.value.code in (n.NOT_FOUND, n.DAMAGED)
    assert memory.names() == before
