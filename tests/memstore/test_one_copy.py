"""Property: where one copy is all that there is (no history, the other copy damaged, older or dropped by a failed barrier), it
alone gives everything; and what it lacks is told as lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 1}
MARGIN = 65536
PRIMARY = ("memory_slots.bin", "memory_index.bin")


def episode(i: int) -> np.ndarray:
    return np.random.default_rng(i).standard_normal(CONFIG["dim"]).astype(np.float16).astype(np.float32)


def taught(memory: n.Memory, first: int = 0, last: int = 4) -> None:
    for i in range(first, last):
        memory.teach(f"thing {i}", episode(i), np.eye(CONFIG["dim"], dtype=np.float32)[i])


def copy_of(card: RamCard) -> dict[str, bytes]:
    return {name: bytes(data) for name, data in card.files.items()}


def without_history(files: dict[str, bytes]) -> RamCard:
    card = RamCard()
    for name, data in files.items():
        if name == "memory_backup.bin":
            data = data[:512] + bytes(1536) + data[2048:]
        if not name.startswith("history/"):
            card.put(name, data)
    return card


def check(card: RamCard, things: int = 4) -> n.Memory:
    memory = card.open(n.config(**CONFIG))
    assert memory.report.lost == 0 and memory.names() == {i: f"thing {i}" for i in range(things)}
    for i in range(things):
        assert np.array_equal(memory.read(i), episode(i))
    return memory


@pytest.mark.parametrize("older", [PRIMARY, ("memory_backup.bin",)], ids=["primary", "mirror"])
def test_the_newer_of_two_whole_copies_counts(older: tuple[str, ...]) -> None:
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory, 0, 3)
    memory.call("flush")
    old = copy_of(card)
    taught(memory, 3)
    memory.rename(b"thing 1", b"renamed", episode(1))
    memory.rename(b"renamed", b"thing 1", episode(1))
    memory.close()
    check(without_history({**copy_of(card), **{name: old[name] for name in older}}))


def test_a_torn_index_sector_is_not_whole() -> None:
    """Of its two records one is new, the other old, with its old numbers beside it: the other copy has both."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory, 0, 1)
    memory.teach("thing 1", episode(11), np.eye(CONFIG["dim"], dtype=np.float32)[1])
    memory.call("flush")
    old = copy_of(card)
    memory.teach("thing 1", episode(1), np.eye(CONFIG["dim"], dtype=np.float32)[1], replace=True)
    memory.close()
    new = copy_of(card)
    torn = new["memory_index.bin"][:768] + old["memory_index.bin"][768:]
    slots = new["memory_slots.bin"][:64] + old["memory_slots.bin"][64:]
    check(without_history({**new, "memory_index.bin": torn, "memory_slots.bin": slots}), 2)


@pytest.mark.parametrize("copy", [0, 1], ids=["primary", "mirror"])
def test_a_slot_is_read_from_whichever_copy_has_it(tmp_path: Path, copy: int) -> None:
    """A card of version 1, so that no log has it either; it is damaged after it was opened."""
    with n.opened(tmp_path / "m", n.config(**CONFIG)) as memory:
        taught(memory)
    n.make_version_1(tmp_path / "m")
    card = RamCard()
    for path in (tmp_path / "m").glob("*.*"):
        card.put(path.name, path.read_bytes())
    memory = card.open(n.config(**CONFIG))
    name, at = (("memory_slots.bin", 0), ("memory_backup.bin", MARGIN + 512 * 3))[copy]
    for i in range(4):
        card.files[name][at + 64 * i] ^= 1
    for i in range(4):
        assert np.array_equal(memory.read(i), episode(i))
    assert memory.stats().corrected == (0 if copy else 4)


@pytest.mark.parametrize("slot", range(4))
def test_a_slot_that_neither_copy_has_is_lost(slot: int) -> None:
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    memory.close()
    left = without_history(copy_of(card))
    for name, at in (("memory_slots.bin", 64 * slot), ("memory_backup.bin", MARGIN + 512 * 3 + 64 * slot)):
        left.files[name][at + 5] ^= 1
    memory = left.open(n.config(**CONFIG))
    assert memory.report.lost == 1 and memory.report.lost_slots[0] == slot
    assert set(memory.names()) == {0, 1, 2, 3} - {slot}


@pytest.mark.parametrize("barriers", [1, 2])
@pytest.mark.parametrize("failing", range(1, 5))
@pytest.mark.parametrize("word", ["flush", "verify"])
def test_what_failed_barriers_dropped_is_in_both_copies_after_the_next_flush(
    failing: int, word: str, barriers: int
) -> None:
    """One of a flush, or that of the repair as well; each copy alone then has all of it, on the card."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    start = card.barriers
    card.fail_sync = lambda number: 0 <= number - start - failing < barriers
    memory.lib.ms_flush(memory.handle)
    card.fail_sync = lambda number: False
    memory.call("verify", None) if word == "verify" else memory.call("flush")
    memory.close()
    for name in (*PRIMARY, "memory_backup.bin"):
        from_byte = MARGIN if name == "memory_backup.bin" else 0
        assert card.durable[name][from_byte:] == card.files[name][from_byte:], name
    durable = {name: bytes(data) for name, data in card.durable.items()}
    check(without_history({name: data for name, data in durable.items() if name not in PRIMARY}))
    gone = without_history(durable)
    for files in (gone.files, gone.durable):
        files["memory_backup.bin"][MARGIN:] = bytes(len(files["memory_backup.bin"]) - MARGIN)
    check(gone)


def test_zeros_of_an_empty_slot_that_were_damaged_are_no_loss() -> None:
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory, 0, 3)
    memory.close()
    left = without_history(copy_of(card))
    for name, at in (("memory_slots.bin", 64 * 3), ("memory_backup.bin", MARGIN + 512 * 3 + 64 * 3)):
        left.files[name][at + 5] ^= 1
    check(left, 3).close()
    assert left.open(n.config(**CONFIG)).report.kept == n.CLEAN


def test_more_losses_than_a_report_names() -> None:
    config = n.config(20, 32, 4)
    card = RamCard()
    memory = card.open(config)
    taught(memory, 0, 20)
    memory.close()
    left = without_history(copy_of(card))
    for name, at in (("memory_slots.bin", 0), ("memory_backup.bin", MARGIN + 512 * 11)):
        for slot in range(20):
            left.files[name][at + 64 * slot] ^= 1
    memory = left.open(config)
    assert memory.report.lost == 20 and list(memory.report.lost_slots) == list(range(16))
    assert "LOST: 20 slots (0 thing 0, " in memory.report_text() and ", ...)" in memory.report_text()


@pytest.mark.parametrize("left", [PRIMARY, ("memory_backup.bin",), ("memory_index.bin",)])
def test_files_without_a_header_are_no_memory(left: tuple[str, ...]) -> None:
    card = RamCard()
    for name in left:
        card.put(name, bytes(70000))
    half_made = left == ("memory_backup.bin",)  # what a cut leaves of a memory that is being made
    for flags in (1, 2) if half_made else (0, 1, 2):
        with pytest.raises(n.StoreError) as error:
            card.open(n.config(**CONFIG), flags)
        assert error.value.code == n.FORMAT
    assert set(card.files) == set(left)
    assert not half_made or card.open(n.config(**CONFIG)).report.kept == n.CREATED


def test_numbers_as_a_slot_would_hold_them() -> None:
    memory = RamCard().open(n.config(**CONFIG))
    values = np.random.default_rng(1).standard_normal(32).astype(np.float32)
    wanted = values.astype(np.float16).astype(np.float32)
    memory.call("as_stored", n.pointer(values))
    assert np.array_equal(values, wanted)


@pytest.mark.parametrize("first", [0, 1])
def test_a_lane_that_was_repaired_is_worth_as_much_as_the_other(first: int) -> None:
    """One lane is lost, the card is opened, the other one is lost."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    memory.close()
    for lane in (first, 1 - first):
        for files in (card.files, card.durable):
            log = files["history/000000.bin"]
            half = len(log) // 2
            log[lane * half : lane * half + half] = bytes(half)
        memory = check(card)
        assert not memory.report.history_gone
        for number in range(1, 5):
            state = n.State()
            memory.call("history_info", n.c.c_uint32(number), n.c.byref(state))
            assert state.name == f"thing {number - 1}".encode()
        memory.close()


def test_a_card_that_cannot_be_read_now_is_left_as_it_is() -> None:
    """A primary file is missing, the history too, and a sector of the mirror cannot be read today."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    memory.close()
    for missing in PRIMARY:
        for sector in range(5):
            left = without_history({name: data for name, data in copy_of(card).items() if name != missing})
            before = copy_of(left)
            left.unreadable = {("memory_backup.bin", MARGIN // 512 + sector)}
            try:
                left.open(n.config(**CONFIG))
            except n.StoreError as error:
                assert error.code == n.IO and copy_of(left) == before
            left.unreadable = set()
            check(left).close()


def test_a_file_that_is_too_short_is_none() -> None:
    """The mirror is cut short, and of the primary files a slot is damaged: that one is lost, and nothing else."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    memory.close()
    left = without_history(copy_of(card))
    for files in (left.files, left.durable):
        files["memory_slots.bin"][64 * 2 + 5] ^= 1
        del files["memory_backup.bin"][MARGIN + 512 * 3 :]
    memory = left.open(n.config(**CONFIG))
    assert memory.report.lost == 1 and set(memory.names()) == {0, 1, 3}


def test_what_only_the_copies_have_gets_into_the_log() -> None:
    """The newest entry is damaged wherever the log has it; afterwards the copies are."""
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    taught(memory)
    memory.close()
    for files in (card.files, card.durable):
        log = files["history/000000.bin"]
        for lane in (0, 1):
            at = lane * len(log) // 2 + (1 + 128 + 4) * 512 + 512 * (1 + 3)
            log[at : at + 512] = bytes(512)
        files["memory_backup.bin"][512:2048] = bytes(1536)
    check(card).close()
    for files in (card.files, card.durable):
        files["memory_index.bin"][512:] = bytes(len(files["memory_index.bin"]) - 512)
        files["memory_backup.bin"][MARGIN + 512 :] = bytes(len(files["memory_backup.bin"]) - MARGIN - 512)
    check(card)
