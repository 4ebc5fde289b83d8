"""Property: where each copy holds something that the other has lost, and no history has it either, the repair can be cut at
any write, and everything in the block around that write be lost: what could be read before can be read after."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 8, "dim": 64, "hot": 4}
MARGIN = 65536
INDEX_BYTES = 512 + 4 * 512


def forget_history(card: RamCard) -> None:
    for files in (card.files, card.durable):
        del files["history/000000.bin"]
        files["memory_backup.bin"][512:2048] = bytes(1536)


def damaged(with_history: bool = False) -> tuple[RamCard, dict[str, np.ndarray]]:
    """Of the records and slots of five things, some are whole in the primary files alone, some in the mirror alone."""
    card, rng, things = RamCard(), np.random.default_rng(0), {}
    memory = card.open(n.config(**CONFIG))
    for i in range(5):
        episode, key = n.random_episode(rng, CONFIG["dim"])
        memory.teach(f"thing {i}", episode, key)
        things[f"thing {i}"] = episode.astype(np.float16)
    memory.close()
    if not with_history:
        forget_history(card)

    def flip(name: str, at: int) -> None:
        card.files[name][at] ^= 0x55
        card.durable[name][at] ^= 0x55

    flip("memory_index.bin", 512 + 0 * 256 + 70)  # thing 0: mirror alone
    flip("memory_backup.bin", MARGIN + 512 + 1 * 256 + 70)  # thing 1, in the same sector: primary alone
    flip("memory_slots.bin", 2 * 128 + 5)  # thing 2: mirror alone
    flip("memory_backup.bin", MARGIN + INDEX_BYTES + 3 * 128 + 5)  # thing 3: primary alone
    return card, things


def holds(card: RamCard, things: dict[str, np.ndarray]) -> n.Memory:
    memory = card.open(n.config(**CONFIG))
    assert memory.report.lost == 0
    slots = {name: slot for slot, name in memory.names().items()}
    assert set(slots) == set(things)
    for name, episode in things.items():
        assert np.array_equal(memory.read(slots[name]).astype(np.float16), episode)
    return memory


def test_the_repair_is_said_and_leaves_two_good_copies() -> None:
    card, things = damaged()
    assert holds(card, things).report.kept == n.MERGED
    assert "memory_spare.bin" not in card.files
    for copy in (("memory_index.bin", "memory_slots.bin"), ("memory_backup.bin",)):
        alone = card.cut()
        for name in copy:
            alone.put(name, bytes(len(alone.files[name])))
        holds(alone, things)


def cut_repairs(keep: Callable[[object], bool]) -> Iterator[tuple[RamCard, dict[str, np.ndarray]]]:
    """Cards whose repair was cut at each of its writes in turn, and what is on them; the last one's was not cut."""
    for cut in itertools.count(1):
        card, things = damaged()
        card.cut_at = card.writes + cut
        try:
            card.open(n.config(**CONFIG))
            yield card.cut(keep), things
            return
        except n.StoreError:
            yield card.cut(keep), things


@pytest.mark.parametrize("survives", ["nothing", "everything", "some"])
def test_a_cut_at_any_write_of_the_repair_loses_nothing(survives: str) -> None:
    rng = np.random.default_rng(1)
    keep = {"nothing": lambda w: False, "everything": lambda w: True, "some": lambda w: bool(rng.integers(2))}[survives]
    cut = 0
    for cut, (again, things) in enumerate(cut_repairs(keep), 1):
        second = cut % 3 - 2
        while True:  # and the repair of the repair
            second += 3
            twice = again.cut()
            twice.cut_at = twice.writes + second
            try:
                twice.open(n.config(**CONFIG))
                break
            except n.StoreError:
                holds(twice.cut(keep), things)
        memory = holds(again, things)
        memory.teach("next", *n.random_episode(rng, CONFIG["dim"]))
        assert "memory_spare.bin" not in again.files
    assert cut > 10


def test_a_third_copy_serves_a_memory_that_is_only_read() -> None:
    """A repair was cut at any write and left it: everything is there, also when the card is looked at again."""
    left = 0
    for half, things in cut_repairs(lambda write: True):
        had = "memory_spare.bin" in half.files
        memory = half.open(n.config(**CONFIG), flags=1)
        for report in (memory.report, memory.verify()):
            assert report.lost == 0 and set(memory.names().values()) == set(things)
        memory.close()
        assert ("memory_spare.bin" in half.files) == had
        left += had
    assert left > 3


def test_the_copies_are_not_in_the_air_at_the_same_time() -> None:
    """Between the writes to one copy and those to the other stands a barrier."""
    card, _ = damaged()
    start = len(card.log)
    card.open(n.config(**CONFIG))
    groups: list[set[str]] = [set()]
    for write in card.log[start:]:
        if write is None:
            groups.append(set())
        else:
            groups[-1].add({"memory_backup.bin": "mirror", "memory_spare.bin": "spare"}.get(write[0], "primary"))
    order = [group for group in groups if group]
    assert order[:3] == [{"spare"}, {"mirror"}, {"primary"}]


def test_without_a_spare_copy_one_copy_is_written_after_the_other() -> None:
    """A port that cannot remove makes no spare copy. The copies are of different flushes, so that the repair rewrites the
    records that only one of them has: torn in both at once they would be gone."""
    card, _ = damaged(with_history=True)
    card.files["memory_index.bin"][512 + 70] ^= 0x55
    card.files["memory_backup.bin"][MARGIN + 512 + 256 + 70] ^= 0x55
    memory = card.open(n.config(**CONFIG))
    things = {name: memory.read(slot).astype(np.float16) for slot, name in memory.names().items()}
    old = bytes(card.files["memory_index.bin"])
    memory.close()  # counters: newer records of the same things
    assert old[512:] != card.files["memory_index.bin"][512:]
    forget_history(card)
    card.port.remove = None
    for files in (card.files, card.durable):
        files["memory_index.bin"][512:] = old[512:]
        files["memory_index.bin"][512 + 70] ^= 0x55
        files["memory_backup.bin"][MARGIN + 512 + 256 + 70] ^= 0x55
    torn = []
    card.fail_sync = lambda number: bool(torn.append(card.cut(lambda write: True, torn_at=256 + 20)))
    assert holds(card, things).report.kept == n.MERGED
    for after in torn:
        holds(after, things)
    assert len(torn) > 3


def test_without_room_for_a_spare_copy_it_is_repaired_all_the_same() -> None:
    card, things = damaged(with_history=True)  # a new one has no room either
    card.room = 0
    holds(card, things)
    assert "memory_spare.bin" not in card.files


def test_files_that_are_made_anew_are_absent_until_they_are_whole() -> None:
    """A primary file is missing: a cut while it is made again leaves nothing that counts as a copy."""
    cut, finished = 0, False
    while not finished:
        cut += 1
        card, things = damaged()
        whole = card.open(n.config(**CONFIG))
        whole.close()
        for name in ("memory_index.bin", "memory_slots.bin"):
            card.old_clusters[name] = bytes(card.files.pop(name))
            del card.durable[name]
        card.cut_at = card.writes + cut
        try:
            card.open(n.config(**CONFIG))
            finished = True
        except n.StoreError:
            pass
        holds(card.cut(), things)
