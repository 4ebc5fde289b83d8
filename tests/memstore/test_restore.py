"""Property: going back gives the state that was asked for, by its number or its time, or says that there is none; no sector of
the history that cannot be read keeps a memory from being opened. (What a person may type: tests/pi_app/test_bad_input.py,
tests/mcu/test_same_answers.py.)"""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.history import BLOCK_BYTES, MARGIN, bounds, config, content, find, restore, teach
from tests.memstore.ram_card import RamCard


def test_the_state_of_a_time_is_found_whatever_the_clock_did() -> None:
    """Against the definition: the last write whose time is known and not later."""
    rng, chance = np.random.default_rng(5), random.Random(1)
    for _ in range(2):
        memory = RamCard().open(config())
        times, clock = {}, 1000
        for i in range(1, chance.choice([90, 500])):
            clock += chance.choice([0, 1, 5, 50])
            if chance.random() < 0.03:
                clock = chance.randrange(500, 5000)
            times[i] = 0 if chance.random() < 0.25 else clock
            teach(memory, rng, f"thing {i}", times[i])
        for asked in (
            0,
            1,
            499,
            *chance.sample(range(500, 9000), 15),
            2**32 - 1,
            *chance.sample(sorted(times.values()), 15),
        ):
            expected = [number for number, time in times.items() if time and time <= asked]
            assert find(memory, asked) == (expected[-1] if expected else None), asked


@pytest.mark.parametrize("cut", ["in a restore", "closed"])
def test_an_unreadable_sector_of_the_history_and_the_next_opening(cut: str) -> None:
    """Also where the power went in the middle of a restore: one state or the other, and neither -5 nor -7 for ever."""
    rng, first = np.random.default_rng(4), RamCard()
    memory = first.open(config(1))
    for i in range(150):
        teach(memory, rng, f"thing {i}")
    now = content(memory)
    restore(memory, 140)
    then = content(memory)
    restore(memory, 150)
    if cut == "closed":
        memory.close()
    else:
        first.cut_at = first.writes + 9
        with pytest.raises(n.StoreError):
            restore(memory, 140)
    files = sorted(name for name in first.files if name.startswith("history/"))
    used = [(name, sector) for name in files for lane in (0, BLOCK_BYTES + MARGIN) for sector in
            range(lane // 512, (lane + BLOCK_BYTES) // 512)]  # fmt: skip
    for place in [(files[-1], 0), (files[-1], 1), *random.Random(3).sample(used, 20)]:
        for flags in (1, 0):
            card = first.cut()
            card.unreadable.add(place)
            memory = card.open(config(1), flags)
            assert content(memory) in (now, then) and memory.report.lost == 0, place
        teach(memory, rng, "next")
        memory.close()
        card.unreadable.clear()
        assert "next" in card.open(config(1)).names().values(), place


@pytest.mark.parametrize("number", [151, 4294967295])
def test_a_state_that_there_is_not(number: int) -> None:
    rng = np.random.default_rng(5)
    memory = RamCard().open(config())
    for i in range(3):
        teach(memory, rng, f"thing {i}")
    before = content(memory)
    with pytest.raises(n.StoreError) as error:
        restore(memory, number)
    assert error.value.code == n.NOT_FOUND and content(memory) == before and bounds(memory) == (0, 3)
