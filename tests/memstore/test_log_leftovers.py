"""Property: what a card still holds of writes that do not count (refused, undone half-way, of a deleted history, in another's
place) never counts again, whatever is written after it, and never hides what does."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard
from tests.memstore.test_crafted_sectors import seal_record
from tests.memstore.test_failing_calls import FailingCard
from tests.memstore.test_one_copy import copy_of, without_history

CONFIG = {"slots": 8, "dim": 32, "hot": 2, "min_importance": 0.5}
LOG, BLOCK, ENTRIES = "history/000000.bin", (1 + 128 + 8) * 512, 128
FIRST = ENTRIES  # position of the first entry


def episode(i: int) -> np.ndarray:
    return np.random.default_rng(i).standard_normal(CONFIG["dim"]).astype(np.float16).astype(np.float32)


def axis(i: int) -> np.ndarray:
    return np.eye(CONFIG["dim"], dtype=np.float32)[i]


def teach(memory: n.Memory, *numbers: int) -> None:
    for i in numbers:
        memory.teach(f"thing {i}", episode(i), axis(i))


def contents(memory: n.Memory) -> dict[str, bytes]:
    return {name: memory.read(slot).tobytes() for slot, name in memory.names().items()}


def opened(card: RamCard, flags: int = 0) -> n.Memory:
    memory = card.open(n.config(**CONFIG), flags)
    assert memory.report.lost == 0
    return memory


def at(card: RamCard, lane: int, position: int) -> int:
    """Where an entry stands in the file."""
    return lane * len(card.files[LOG]) // 2 + position // ENTRIES * BLOCK + 512 * (1 + position % ENTRIES)


def keyframe_at(card: RamCard, lane: int, block: int, slot: int) -> int:
    """Where the keyframe stands that this block begins with."""
    return at(card, lane, block * ENTRIES - 1) + 512 * (1 + slot)


def poke(card: RamCard, where: int, data: bytes) -> None:
    for files in (card.files, card.durable):
        files[LOG][where : where + len(data)] = data


def state(memory: n.Memory, number: int) -> n.State:
    found = n.State()
    memory.call("history_info", n.c.c_uint32(number), n.c.byref(found))
    return found


def newest(memory: n.Memory) -> int:
    last = n.c.c_uint32()
    memory.call("history_range", n.c.byref(n.c.c_uint32()), n.c.byref(last))
    return last.value


def remove_history(card: RamCard) -> None:
    for name in [name for name in card.files if name.startswith("history/")]:
        card.do_remove(0, name.encode())


def test_a_deleted_history_stays_deleted() -> None:
    """The new file lies on the clusters of the deleted one, whose entries bear the same places and the same identity."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1, 2, 3)
    memory.call("forget", b"thing 3", None)
    memory.close()
    remove_history(card)
    opened(card).close()
    memory = opened(card)
    assert newest(memory) == 0
    teach(memory, 4)
    wanted = contents(memory)
    memory = opened(card.cut())
    assert contents(memory) == wanted and newest(memory) == 1 and state(memory, 1).name == b"thing 4"


@pytest.mark.parametrize("flushed", [True, False])
@pytest.mark.parametrize("writes", [100, 130, 300])
def test_blocks_of_a_deleted_history_do_not_hide_the_new_one(writes: int, flushed: bool) -> None:
    """As above, and the deleted one was of several blocks: their headers are there too. Where it was deleted after a cut,
    its entries are even newer than both copies."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.call("flush")
    for i in range(writes):
        memory.rename(b"thing 1", b"thing 1", episode(i % 7))
    if flushed:
        memory.close()
    card = card if flushed else card.cut()
    remove_history(card)
    memory = opened(card)
    for i in range(2, 5):
        teach(memory, i)
        wanted = contents(memory)
        again = opened(card.cut())
        assert contents(again) == wanted and newest(again) == i - 1


def test_later_files_of_a_deleted_history_do_not_hide_the_new_one() -> None:
    """Of three blocks each: where the new history makes the second file, later blocks of the deleted one are in it."""
    card, config = RamCard(), n.config(**CONFIG, segment_bytes=2 * 65536 + 6 * BLOCK)
    memory = card.open(config)
    teach(memory, 0, 1)
    for again in (False, True):
        for i in range(260 if again else 600):
            memory.rename(b"thing 1", b"thing 1", episode(i % 7))
        if not again:
            memory.close()
            remove_history(card)
            memory = card.open(config)
    wanted = contents(memory)
    assert len([name for name in card.files if name.startswith("history/")]) == 2
    memory = card.cut().open(config)
    assert contents(memory) == wanted and newest(memory) == 260


def test_a_file_on_the_clusters_of_a_deleted_one_and_a_cut() -> None:
    """One block a file: the first write makes the second file, and is cut before any of it is there."""
    card, config, cuts = RamCard(), n.config(**CONFIG, segment_bytes=1), []
    memory = card.open(config)
    teach(memory, 0, 1, 2, 3)
    memory.close()
    remove_history(card)
    memory = card.open(config)
    card.fail_sync = lambda number: bool(cuts.append(card.cut()))
    teach(memory, 4)
    for cut in cuts:
        assert newest(cut.open(config)) in (0, 1)
    assert "history/000001.bin" in cuts[0].files


@pytest.mark.parametrize("things", [4, 5])
def test_half_an_undo_never_counts(things: int) -> None:
    """Of several entries, whose last one makes all of them count; cut before each barrier. Then words are acknowledged in
    the same places."""
    card = RamCard()
    memory = opened(card)
    teach(memory, *range(things))
    before, cuts = contents(memory), []
    card.fail_sync = lambda number: bool(cuts.extend((card.cut(), card.cut(lambda write: True))))
    memory.call("restore", n.c.c_uint32(1))
    after = contents(memory)
    assert len(after) == 1 and len(cuts) >= 2 * (things - 1)
    for cut in cuts:
        wanted = contents(opened(cut.cut()))
        assert wanted in (before, after)
        memory = opened(cut)
        for i in range(10, 13):  # nothing is read in between: that moves the clock on
            teach(memory, i)
            wanted[f"thing {i}"] = episode(i).tobytes()
            again = opened(cut.cut())
            assert state(again, newest(again)).action == n.W_NEW and contents(again) == wanted


@pytest.mark.parametrize("call", range(2, 40, 3))
def test_a_write_after_an_undo_that_failed(call: int) -> None:
    """The card stays away for a while: the write finds out first what the undo left."""
    card = FailingCard()
    memory = opened(card)
    teach(memory, 0, 1, 2, 3)
    before = contents(memory)
    card.count, card.fail_at, card.lasting = 0, call, True
    try:
        memory.call("restore", n.c.c_uint32(1))
    except n.StoreError as error:
        assert error.code in (n.IO, n.DAMAGED)
    card.fail_at = 0
    teach(memory, 10)
    found = contents(opened(card.cut()))
    assert found.pop("thing 10") and found in (before, {"thing 0": before["thing 0"]})


WORDS = {
    "teach": lambda m: teach(m, 10),
    "rename": lambda m: m.rename(b"thing 1", b"renamed", episode(11)),
    "forget": lambda m: m.call("forget", b"thing 2", None),
    "undo": lambda m: m.call("undo", n.c.c_uint32(2), None),
}


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("word", WORDS)
def test_a_refused_write_does_not_come_back(word: str, flushed: bool) -> None:
    """Its barrier failed and all of it is on the card: neither the memory in RAM nor the card has it afterwards."""
    refused = 0
    for failing in range(1, 9):
        card = RamCard()
        memory = opened(card)
        teach(memory, 0, 1, 2, 3)
        before = contents(memory)
        if flushed:  # nothing else has to be written afterwards
            memory.call("flush")
        start, card.failed_keeps = card.barriers, True
        card.fail_sync = lambda number, fails=start + failing: number == fails
        try:
            WORDS[word](memory)
        except n.StoreError as error:
            refused += 1
            assert error.code == n.IO
        else:
            continue
        after = card.cut()
        if word == "undo" and contents(memory) != before:
            continue  # it counts already: what failed is a barrier of the copies
        assert contents(memory) == before
        assert contents(opened(after)) == before, failing
    assert refused


def test_a_refused_writes_sequence_is_not_used_again() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0)
    before = memory.info(0).sequence
    card.fail_sync = lambda number, fails=card.barriers + 1: number == fails
    with pytest.raises(n.StoreError):
        teach(memory, 1)
    teach(memory, 2)
    assert memory.info(1).name == b"thing 2" and memory.info(1).sequence == before + 2


def test_entries_behind_a_hole_do_not_count_again() -> None:
    """So many in a row are damaged in both lanes that the log ends before them; words take their places, up to those
    behind them, which are older."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    for i in range(40):
        memory.rename(b"thing 0", b"thing 0", episode(i + 50))
    memory.close()
    for position in range(FIRST + 5, FIRST + 23):
        for lane in (0, 1):
            poke(card, at(card, lane, position), bytes(512))
    memory = opened(card)
    for i in range(20):
        memory.rename(b"thing 0", b"thing 0", episode(i + 100))
        wanted = contents(memory)
        assert contents(opened(card.cut())) == wanted, i


def test_what_is_not_saved_is_in_no_state() -> None:
    """An episode below min_importance while a block is written, and with it a keyframe of every slot."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.teach("passing", episode(2), axis(2), importance=0.1)
    for i in range(ENTRIES):
        memory.rename(b"thing 1", b"thing 1", episode(i + 50))
    assert "passing" in contents(memory)
    memory = opened(card.cut())
    memory.call("undo", n.c.c_uint32(1), None)
    assert set(contents(memory)) == {"thing 0", "thing 1"}
    memory.close()
    for name in ("memory_index.bin", "memory_backup.bin"):
        for files in (card.files, card.durable):
            files[name][512 if name == "memory_index.bin" else 65536 + 512 :] = bytes(
                len(files[name]) - (512 if name == "memory_index.bin" else 65536 + 512)
            )
    assert set(contents(opened(card))) == {"thing 0", "thing 1"}


@pytest.mark.parametrize("things", [5, 6])
def test_an_older_entry_in_the_place_of_a_newer_one(things: int) -> None:
    """A write into the entry's own lane was lost, and an older entry of another slot stood there. Whoever only looks
    repairs nothing, and finds the other lane's."""
    card = RamCard()
    memory = opened(card)
    teach(memory, *range(things))
    wanted = contents(memory)
    card = card.cut()
    position = FIRST + things - 2
    first = at(card, 0, FIRST)
    older = bytearray(card.files[LOG][first : first + 256])
    entry = seal_record(card, older, struct.pack("<I", position)) + bytes(card.files[LOG][first + 256 : first + 512])
    poke(card, at(card, position & 1, position), entry)
    assert contents(opened(card, flags=1)) == wanted
    assert contents(opened(card)) == wanted


def three_things_without_history() -> tuple[RamCard, dict[str, bytes]]:
    """A card of three things whose history was deleted, and the things."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1, 2)
    wanted = contents(memory)
    memory.close()
    return without_history(copy_of(card)), wanted


@pytest.mark.parametrize("lane", [0, 1])
def test_a_keyframe_in_another_slots_place(lane: int) -> None:
    """One lane has it there, the other what belongs there: the state that needs it can be gone back to, also after the
    other lane is lost."""
    card, wanted = three_things_without_history()
    memory = opened(card)  # a new history, which begins with a keyframe of every slot
    memory.rename(b"thing 0", b"renamed", episode(20))
    memory.close()
    there, here = (keyframe_at(card, lane, 1, slot) for slot in (1, 0))
    good = bytes(card.files[LOG][here : here + 512])
    poke(card, here, bytes(card.files[LOG][there : there + 512]))
    memory = opened(card, flags=1)
    memory.call("diff", n.c.c_uint32(0), n.c.c_uint32(1))
    memory = opened(card)
    assert card.files[LOG][here : here + 512] == good
    memory.call("restore", n.c.c_uint32(0))
    assert contents(memory) == wanted


def test_the_lanes_are_repaired_one_after_the_other() -> None:
    """An entry is damaged in the lane that alone has the newest one. The repair is cut at each write, and everything around
    it is garbled: the other lane's copy is on the card by then."""
    things, cut, finished = 4, 0, False
    while not finished:
        cut += 1
        card = RamCard()
        memory = opened(card)
        teach(memory, *range(things))
        wanted = contents(memory)
        card = card.cut(lambda write: write[0] == "memory_backup.bin")  # with the newest entry's third place
        newest_lane = (FIRST + things - 1) & 1
        where = at(card, newest_lane, FIRST + 1) + 70
        poke(card, where, bytes([card.files[LOG][where] ^ 1]))
        card.cut_at = card.writes + cut
        try:
            opened(card)
            finished = True
        except n.StoreError:
            pass
        for keep in (lambda write: False, lambda write: True):
            assert contents(opened(card.cut(keep))) == wanted, cut
    assert cut > 3


def test_a_history_begins_with_what_is_there() -> None:
    """The first write to a card of version 1, undone."""
    card, wanted = three_things_without_history()
    memory = opened(card)
    memory.rename(b"thing 0", b"renamed", episode(20))
    memory.call("undo", n.c.c_uint32(1), None)
    assert contents(memory) == wanted and contents(opened(card.cut())) == wanted


def test_reads_before_the_first_write_to_a_card_of_version_1(tmp_path: object) -> None:
    """They move the clock on in RAM alone; the history begins with it, and a cut takes it back."""
    folder = tmp_path / "m"
    with n.opened(folder, n.config(**CONFIG)) as memory:
        teach(memory, 0, 1)
    n.make_version_1(folder)
    card, cuts = RamCard(), []
    for path in folder.glob("*.*"):
        card.put(path.name, path.read_bytes())
    memory = opened(card)
    for _ in range(50):
        memory.read(0)
    card.fail_sync = lambda number: bool(cuts.extend((card.cut(), card.cut(lambda write: True))))
    teach(memory, 2)
    for cut in cuts:
        memory = opened(cut)
        teach(memory, 3, 4)
        again = opened(cut.cut())
        assert {"thing 3", "thing 4"} <= set(contents(again)) and state(again, newest(again)).action == n.W_NEW
    assert len(cuts) > 6


def header_write(write: tuple[str, int, bytes]) -> bool:
    return write[:2] in (("memory_index.bin", 0), ("memory_backup.bin", 0), ("memory_backup.bin", 65536))


@pytest.mark.parametrize("made", ["new", "history deleted"])
def test_the_header_never_speaks_of_a_history_that_is_not_there(made: str) -> None:
    """Cut before each barrier, where of all that is on its way the header alone has arrived."""
    card, cuts = RamCard(), []
    if made == "history deleted":
        memory = opened(card)
        teach(memory, 0, 1)
        memory.close()
        card = without_history(copy_of(card))
    card.fail_sync = lambda number: bool(cuts.append(card.cut(header_write)))
    teach(opened(card), 2)
    for number, cut in enumerate(cuts):
        memory = opened(cut)
        assert not memory.report.history_gone or (made == "history deleted" and "thing 1" in memory.names().values())
        if made == "new":
            assert newest(memory) in (0, 1), number
    assert len(cuts) > 4


def test_a_header_is_never_torn_in_all_its_places() -> None:
    """It changes where the oldest file is dropped: at each barrier everything that is on its way is torn."""
    card, cuts = RamCard(), []
    config = n.config(**CONFIG, segment_bytes=1, history_files=2)
    memory = card.open(config)
    teach(memory, 0, 1)
    for i in range(3 * ENTRIES - 12):
        memory.rename(b"thing 1", b"thing 1", episode(i % 9))
    card.fail_sync = lambda number: bool(cuts.append(card.cut(lambda write: True, torn_at=100)))
    for i in range(20):
        memory.rename(b"thing 1", b"thing 1", episode(i))
    assert memory.stats().states_dropped
    for cut in cuts:
        opened_again = cut.open(config)
        assert opened_again.report.lost == 0 and set(opened_again.names().values()) == {"thing 0", "thing 1"}


def test_an_old_header_does_not_hide_the_log(tmp_path: object) -> None:
    """The header's primary copy still says version 1: the write of the new one was lost."""
    folder = tmp_path / "m"
    with n.opened(folder, n.config(**CONFIG)) as memory:
        teach(memory, 0, 1)
    n.make_version_1(folder)
    card = RamCard()
    for path in folder.glob("*.*"):
        card.put(path.name, path.read_bytes())
    old = bytes(card.files["memory_index.bin"][:512])
    memory = opened(card)
    teach(memory, 2)
    wanted = contents(memory)
    card = card.cut()
    for files in (card.files, card.durable):
        files["memory_index.bin"][:512] = old
    assert contents(opened(card)) == wanted and len(wanted) == 3
