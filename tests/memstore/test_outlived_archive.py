"""Property: a history that outlives its memory is not taken for a new one's; no sector of it, unreadable or damaged, and no
missing file stops the list of states, going back or the next write; what is lost is said, never called whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.history import BLOCK, BLOCK_BYTES, CONFIG, MARGIN, bounds, config, content, info, restore, teach
from tests.memstore.ram_card import RamCard

LANE = (2 * BLOCK_BYTES + MARGIN) // 512  # sectors from a block's header to that of its other lane
HEADERS = [(0, 0), (0, 1 + BLOCK), (1, 0)]  # file and sector of blocks 0, 1 and 2


def test_an_archive_that_outlives_its_memory_stays_as_it_is(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(11), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        teach(memory, rng, "old")
    for path in folder.glob("memory_*"):
        path.unlink()
    old = (folder / "history" / "000000.bin").read_bytes()
    with n.opened(folder, config()) as memory:
        assert not memory.names()
        teach(memory, rng, "new")
        assert bounds(memory) == (0, 1)
    with n.opened(folder, config()) as memory:
        assert list(memory.names().values()) == ["new"]
    assert (folder / "history" / "000000.bin").read_bytes() == old


def lived(writes: int = 200) -> RamCard:
    """A closed card; its newest state is in block 2, the first one of the second file."""
    card, rng = RamCard(), np.random.default_rng(1)
    memory = card.open(config())
    for i in range(writes):
        teach(memory, rng, f"thing {i}")
    memory.close()
    return card


def spoil(card: RamCard, how: str, file: int, sector: int) -> None:
    name = f"history/{file:06d}.bin"
    if how == "unreadable":
        card.unreadable.add((name, sector))
    else:
        for files in (card.files, card.durable):
            files[name][512 * sector + 9] ^= 1


@pytest.mark.parametrize("how", ["unreadable", "damaged"])
@pytest.mark.parametrize("block", range(3))
@pytest.mark.parametrize("lane", range(2))
def test_one_header_stops_nothing(how: str, block: int, lane: int) -> None:
    card, rng = lived(), np.random.default_rng(2)
    file, sector = HEADERS[block]
    spoil(card, how, file, sector + lane * LANE)
    for flags in (1, 0):  # looked at only, and opened
        memory = card.open(config(), flags)
        assert bounds(memory) == (0, 200)
        assert [info(memory, number).number for number in range(201)] == list(range(201))
        before = content(memory)
        assert len(before) == CONFIG["slots"] and before[0][0].startswith("thing 19")
    for number in (60, 130, 199):
        restore(memory, number)
        assert {name for name, _ in content(memory)} == {f"thing {i}" for i in range(number - 8, number)}
    restore(memory, 200)
    assert content(memory) == before
    newest = bounds(memory)[1]
    teach(memory, rng, "next")
    assert bounds(memory) == (0, newest + 1) and "next" in memory.names().values()


def test_verify_looks_at_the_states() -> None:
    card = lived()
    memory = card.open(config())
    spoil(card, "damaged", 1, 1 + 30)  # of state 159 one lane
    assert memory.verify().log_repaired == 1 and memory.verify().states_damaged == 0
    for lane in (0, LANE):
        spoil(card, "damaged", 1, 1 + 30 + lane)
    report = memory.verify()
    assert report.states_damaged == 1 and "state" in memory.report_text(report)
    with pytest.raises(n.StoreError):
        restore(memory, 159)


def test_without_its_first_file_the_history_begins_later(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(3), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(400):
            teach(memory, rng, f"thing {i}")
        before = content(memory)
    (folder / "history" / "000000.bin").unlink()
    rest = {p: p.read_bytes() for p in (folder / "history").iterdir()}
    with n.opened(folder, config()) as memory:
        oldest, newest = bounds(memory)
        assert 0 < oldest < 300 and newest == 400 and content(memory) == before
        assert {p: p.read_bytes() for p in (folder / "history").iterdir()} == rest
        teach(memory, rng, "next")
        assert bounds(memory) == (oldest, 401)
        restore(memory, oldest)
        assert {name for name, _ in content(memory)} == {f"thing {i}" for i in range(oldest - 8, oldest)}
        restore(memory, 400)
        assert content(memory) == before
