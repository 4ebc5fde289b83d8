"""Property: faults that meet only where something else has happened before (RAM that fell over and a sector that is gone, a
repair that failed, headers of several memories, a history with holes) are told or harmless: nothing wrong is believed."""

from __future__ import annotations

import contextlib
import ctypes as c
import struct
import zlib

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard
from tests.memstore.test_failing_calls import Bench, FailingCard
from tests.memstore.test_log_leftovers import (
    BLOCK,
    CONFIG,
    ENTRIES,
    FIRST,
    LOG,
    at,
    axis,
    contents,
    episode,
    keyframe_at,
    newest,
    opened,
    poke,
    teach,
)
from tests.memstore.test_one_copy import copy_of, without_history

MARGIN = 65536
HEADERS = (("memory_index.bin", 0), ("memory_backup.bin", MARGIN), ("memory_backup.bin", 0))
MIRROR_SLOTS = MARGIN + 512 * 5  # of 8 records of 256 bytes behind the header


def flip(card: RamCard, name: str, where: int) -> None:
    for files in (card.files, card.durable):
        files[name][where] ^= 1


def in_ram(memory: n.Memory, data: bytes, offset: int) -> None:
    """A bit of the first place in RAM that holds this."""
    ram = memory.buffer.view(np.uint8)
    found = ram.tobytes().find(data)
    assert found >= 0
    ram[found + offset] ^= 4


def record(card: RamCard, slot: int, name: str = "memory_index.bin") -> bytes:
    start = (512 if name == "memory_index.bin" else MARGIN + 512) + 256 * slot
    return bytes(card.files[name][start : start + 256])


def half(i: int) -> bytes:
    return episode(i).astype(np.float16).tobytes()


def version_1(card: RamCard, sequence: int = 0) -> RamCard:
    """A closed card as version 1 would have left it."""
    left = without_history(copy_of(card))
    for name, start in HEADERS:
        header = bytearray(left.files[name][start : start + 512])
        header[8:10], header[48:60] = b"\x01\x00", bytes(12)
        if sequence and (name, start) != HEADERS[2]:
            header[32:40] = struct.pack("<Q", sequence)
        left.put(name, bytes(left.files[name][:start]) + n.seal(header) + bytes(left.files[name][start + 512 :]))
    return left


def closed(*numbers: int) -> RamCard:
    card = RamCard()
    memory = opened(card)
    teach(memory, *numbers)
    memory.close()
    return card


# --- RAM that falls over, beside something on the card


def test_a_bit_of_the_cache_and_a_word_that_needs_the_slot() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0)
    in_ram(memory, half(0), 3)
    memory.call("confirm", 0, c.c_float(-0.3))
    assert contents(opened(card.cut())) == {"thing 0": episode(0).tobytes()}


def test_a_bit_of_a_record_whose_keyframe_goes_out_with_another_write() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    wanted = contents(memory)
    memory.call("flush")
    in_ram(memory, record(card, 0)[:60], 9)
    teach(memory, 2)  # the third entry of a block goes out with slot 0's keyframe
    assert contents(opened(card.cut())) == {**wanted, "thing 2": episode(2).tobytes()}


def test_a_bit_of_a_record_and_a_flush() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1, 2)
    in_ram(memory, b"thing 0\0", 70)
    with contextlib.suppress(n.StoreError):
        memory.call("flush")
    assert set(memory.names().values()) == {"thing 0", "thing 1", "thing 2"}
    assert len(contents(opened(card.cut()))) == 3


def test_a_bit_of_a_neighbours_record_and_an_undo() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.call("flush")
    memory.rename(b"thing 1", b"renamed", episode(5))
    ram = memory.buffer.view(np.uint8)
    name = ram.tobytes().find(b"thing 0\0")
    ram[name - 4] ^= 1  # of its CRC
    memory.call("undo", c.c_uint32(1), None)
    assert contents(memory) == {f"thing {i}": episode(i).tobytes() for i in range(2)}
    assert contents(opened(card.cut())) == contents(memory)


@pytest.mark.parametrize("spoilt", ["in RAM", "in RAM, and the card cannot be read", "in RAM and on the card"])
def test_a_bit_of_the_newest_entry(spoilt: str) -> None:
    """Its lane alone has it, and RAM for the next write."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    where = at(card, 1, FIRST + 1)
    in_ram(memory, bytes(card.files[LOG][where : where + 512]), 130)
    if spoilt.endswith("read"):
        card.unreadable = {(LOG, where // 512)}
        with pytest.raises(n.StoreError) as error:
            teach(memory, 2)
        assert error.value.code == n.IO
        card.unreadable = set()
    elif spoilt.endswith("card"):
        flip(card, LOG, where + 70)
        found = n.State()
        memory.call("history_info", c.c_uint32(2), c.byref(found))
        assert found.number == 1
    teach(memory, 2)
    again = opened(card.cut())
    assert set(again.names().values()) >= {"thing 0", "thing 2"}
    assert spoilt.endswith("card") or contents(again) == contents(memory)


def test_a_bit_of_an_unsaved_record_and_a_look_at_the_card() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0)
    memory.teach("passing", episode(1), axis(1), importance=0.1)
    ram = memory.buffer.view(np.uint8)
    ram[ram.tobytes().find(b"passing\0") + 70] ^= 1
    with contextlib.suppress(n.StoreError):
        memory.verify()
    assert contents(memory) == {"thing 0": episode(0).tobytes()}


# --- words that may not write


def test_words_of_a_memory_that_is_only_read() -> None:
    memory = opened(closed(0), flags=1)
    for word, arguments in (("forget_slot", (0,)), ("confirm", (0, c.c_float(-0.3)))):
        with pytest.raises(n.StoreError) as error:
            memory.call(word, *arguments)
        assert error.value.code == n.READ_ONLY


def test_a_slot_that_is_damaged_under_a_memory_without_a_history() -> None:
    card = without_history(copy_of(closed(0, 1)))
    memory = opened(card, flags=1)
    flip(card, "memory_slots.bin", 5)
    flip(card, "memory_backup.bin", MIRROR_SLOTS + 5)
    with pytest.raises(n.StoreError) as error:
        memory.read(0)
    assert error.value.code == n.DAMAGED
    assert np.array_equal(memory.read(1), episode(1))


def test_a_slot_that_is_lost_and_a_sector_that_cannot_be_read() -> None:
    """It is behind in the slots file, and the log has lost it: a flush would keep what stands there."""
    card = RamCard()
    memory = card.open(n.config(**{**CONFIG, "hot": 1}, lazy=1))
    teach(memory, 0, 1)
    for lane in (0, 1):
        flip(card, LOG, at(card, lane, FIRST) + 300)
    card.unreadable = {("memory_slots.bin", 0)}
    with pytest.raises(n.StoreError) as error:
        memory.call("flush")
    assert error.value.code == n.IO
    card.unreadable = set()
    assert "thing 1" in contents(card.cut().open(n.config(**CONFIG)))


def test_an_unsaved_view_gives_way_and_the_saved_one_stays() -> None:
    memory = RamCard().open(n.config(**{**CONFIG, "hot": 1}))
    memory.teach("a", episode(0), axis(0))
    memory.teach("a", episode(1), axis(1), importance=0.1)
    memory.teach("b", episode(2), axis(2), importance=0.1)
    assert memory.names() == {0: "a", 1: "b"} and memory.info(0).saved


# --- headers


def test_the_end_of_the_headers_sequence() -> None:
    card = version_1(closed(0), (1 << 62) - 1)
    memory = opened(card)
    with pytest.raises(n.StoreError) as error:
        teach(memory, 1)
    assert error.value.code == n.CLOCK
    assert set(contents(opened(card.cut()))) == {"thing 0"}


def craft_header(card: RamCard, which: int, where: int, data: bytes) -> None:
    name, start = HEADERS[which]
    header = bytearray(card.files[name][start : start + 512])
    header[where : where + len(data)] = data
    for files in (card.files, card.durable):
        files[name][start : start + 512] = n.seal(header)


def test_a_copy_of_the_header_that_says_a_newer_version() -> None:
    card = closed(0)
    craft_header(card, 1, 8, b"\x03\x00")
    assert set(contents(opened(card))) == {"thing 0"}


@pytest.mark.parametrize("gone", ["", "memory_index.bin", "its header", "its records"])
@pytest.mark.parametrize("newer", [False, True])
def test_a_header_of_another_memory(gone: str, newer: bool) -> None:
    """The third copy, or with `newer` one whose sequence is higher too: it has no records, so it owns nothing."""
    card = closed(0, 1)
    wanted = contents(opened(card))
    craft_header(card, 2, 20, b"\x77\x77\x77\x77" + (bytes(8) if newer else b""))
    if newer:
        craft_header(card, 2, 24, bytes(card.files["memory_index.bin"][24:32]) + struct.pack("<Q", 99))
        craft_header(card, 1, 32, struct.pack("<Q", 7))
    if gone == "its header":
        flip(card, "memory_index.bin", 40)
    elif gone == "its records":
        for files in (card.files, card.durable):
            del files["memory_index.bin"][512:]
    elif gone:
        for files in (card.files, card.durable):
            del files[gone]
    failing = FailingCard()
    for fail_at in range(1, 26):
        for name, data in copy_of(card).items():
            failing.put(name, data)
        failing.count, failing.fail_at, failing.lasting = 0, fail_at, False
        with contextlib.suppress(n.StoreError):
            failing.open(n.config(**CONFIG), 1)
        failing.fail_at = 0
        if fail_at % 6 == 0:
            assert contents(failing.open(n.config(**CONFIG))) == wanted
    assert contents(opened(card)) == wanted


def test_headers_of_two_memories_without_records_of_either() -> None:
    card = without_history(copy_of(closed(0)))
    craft_header(card, 2, 20, b"\x77\x77\x77\x77")
    for name, start in HEADERS[:2]:
        for files in (card.files, card.durable):
            files[name][start + 512 : start + 512 * 5] = bytes(512 * 4)
    memory = card.open(n.config(**CONFIG))
    assert memory.names() == {}


@pytest.mark.parametrize("fail_at", range(1, 14))
def test_a_salt_without_a_source_of_chance(fail_at: int) -> None:
    card = FailingCard()
    card.port.random = None
    card.fail_at = fail_at
    with contextlib.suppress(n.StoreError):
        card.open(n.config(**CONFIG))
    card.fail_at, card.names = 0, []
    assert opened(card).names() == {} and card.files["memory_index.bin"][20:24] != bytes(4)


def test_a_clock_that_only_an_access_knows() -> None:
    card = without_history(copy_of(closed(0)))
    index = card.files["memory_index.bin"]
    for name in ("memory_index.bin", "memory_backup.bin"):
        start = 512 if name == "memory_index.bin" else MARGIN + 512
        data = bytearray(record(card, 0, name))
        struct.pack_into("<Q", data, 24, 1000)
        crc = zlib.crc32(bytes(index[:8]) + b"\x01\x00" + bytes(index[10:32]))
        struct.pack_into("<I", data, 60, zlib.crc32(data[64:256], zlib.crc32(data[:60], crc)))
        for files in (card.files, card.durable):
            files[name][start : start + 256] = data
    assert opened(card).stats().clock >= 1000


# --- the log


def test_a_repair_that_failed_and_damage_in_the_other_lane() -> None:
    """What this lane alone has then is not written over, and all of it is in both in the end."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1, 2, 3)
    memory.call("flush")
    wanted = contents(memory)
    flip(card, LOG, at(card, 0, FIRST) + 70)
    card.fail_sync = lambda number: True
    with pytest.raises(n.StoreError):
        memory.verify()
    card.fail_sync = lambda number: False
    flip(card, LOG, at(card, 1, FIRST + 1) + 70)
    memory.verify()
    assert contents(memory) == wanted
    for position in range(FIRST, FIRST + 4):
        first, second = (at(card, lane, position) for lane in (0, 1))
        assert card.durable[LOG][first : first + 512] == card.durable[LOG][second : second + 512]


@pytest.mark.parametrize("lane", [0, 1])
def test_the_newer_of_a_blocks_headers_counts(lane: int) -> None:
    card = closed(0, 1)
    places = [at(card, i, ENTRIES) - 512 for i in (0, 1)]
    new = bytearray(card.files[LOG][places[lane] :][:512])
    struct.pack_into("<Q", new, 16, struct.unpack_from("<Q", new, 16)[0] + 1)
    poke(card, places[lane], n.seal(new))
    memory = card.open(n.config(**CONFIG))
    assert set(memory.names().values()) == {"thing 0", "thing 1"}
    assert card.files[LOG][places[0] :][:512] == card.files[LOG][places[1] :][:512]


LARGE = {**CONFIG, "slots": 4, "dim": 256}  # two sectors an entry


def test_halves_of_an_older_entry_are_no_entry() -> None:
    """In the place behind the newest one each lane has one sector of an older one, sealed for that place; and of a
    keyframe each lane has one sector of another slot's."""
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(n.config(**LARGE))
    for i in range(2):
        memory.teach(f"thing {i}", *n.random_episode(rng, 256))
    wanted, states = memory.names(), newest(memory)
    memory.close()
    block, half_of = 512 + (ENTRIES + 4) * 1024, len(card.files[LOG]) // 2

    def place(lane: int, number: int) -> int:
        return lane * half_of + block + 512 + 1024 * number

    first = bytearray(card.files[LOG][place(0, 0) :][:1024])
    index = card.files["memory_index.bin"]
    crc = zlib.crc32(struct.pack("<I", ENTRIES + 2), zlib.crc32(bytes(index[:8]) + b"\x01\x00" + bytes(index[10:32])))
    struct.pack_into("<I", first, 60, zlib.crc32(first[64:512], zlib.crc32(first[:60], crc)))
    poke(card, place(0, 2), bytes(first[:512]))
    poke(card, place(1, 2) + 512, bytes(first[512:]))
    keyframe = [lane * half_of + 512 + 1024 * (ENTRIES + slot) for lane in (0, 1) for slot in (0, 1)]
    poke(card, keyframe[1], bytes(card.files[LOG][keyframe[0] :][:512]))
    poke(card, keyframe[3], bytes(512))
    poke(card, keyframe[1] + 512, b"\1" * 512)
    memory = card.open(n.config(**LARGE))
    assert memory.names() == wanted and newest(memory) == states


def many(config: n.Config, words: int) -> tuple[RamCard, n.Memory]:
    """A thing that stays, and one that is renamed again and again, its clock rising."""
    card = RamCard()
    memory = card.open(config)
    memory.lib.ms_set_time(memory.handle, 1000)
    teach(memory, 0, 1)
    for i in range(words):
        memory.lib.ms_set_time(memory.handle, 1001 + i)
        memory.teach("thing 1", episode(i % 7), axis(1))
    memory.call("flush")
    return card, memory


def find(memory: n.Memory, time: int) -> int:
    number = c.c_uint32()
    memory.call("history_find", c.c_uint32(time), c.byref(number))
    return number.value


def test_a_hole_in_the_history() -> None:
    """An entry is damaged in both lanes: states can be gone back to where everything that they name is newer."""
    for hole, state, possible in ((0, 200, True), (60, 200, False), (1, 20, False), (20, 10, True)):
        card, memory = many(n.config(**CONFIG), 300)
        for lane in (0, 1):
            flip(card, LOG, at(card, lane, FIRST + hole) + 70)
        if possible:
            memory.call("restore", c.c_uint32(state))
            assert set(memory.names().values()) == {"thing 0", "thing 1"}
        else:
            with pytest.raises(n.StoreError) as error:
                memory.call("restore", c.c_uint32(state))
            assert error.value.code == n.DAMAGED


def test_an_older_entry_in_a_hole_of_the_history() -> None:
    """It is no part of what the state was: that cannot be told any more, or is right."""
    card, memory = many(n.config(**CONFIG), 40)
    index = card.files["memory_index.bin"]
    for lane in (0, 1):
        entry = bytearray(card.files[LOG][at(card, lane, FIRST) :][:512])
        crc = zlib.crc32(
            struct.pack("<I", FIRST + 20), zlib.crc32(bytes(index[:8]) + b"\x01\x00" + bytes(index[10:32]))
        )
        struct.pack_into("<I", entry, 60, zlib.crc32(entry[64:256], zlib.crc32(entry[:60], crc)))
        poke(card, at(card, lane, FIRST + 20), bytes(entry))
    with pytest.raises(n.StoreError) as error:
        memory.call("restore", c.c_uint32(30))
    assert error.value.code == n.DAMAGED


def test_keyframes_that_are_damaged_far_back_and_a_time_before_all() -> None:
    card, memory = many(n.config(**CONFIG), 10 * ENTRIES)
    wanted = memory.read(0)
    with pytest.raises(n.StoreError) as error:
        find(memory, 999)
    assert error.value.code == n.NOT_FOUND
    assert find(memory, 1001 + 700) > 600
    for block in range(1, 13):
        for lane in (0, 1):
            flip(card, LOG, keyframe_at(card, lane, block, 0) + 70)
    with pytest.raises(n.StoreError) as error:
        memory.call("restore", c.c_uint32(10 * ENTRIES - 10))
    assert error.value.code == n.DAMAGED
    assert np.array_equal(memory.read(0), wanted)


def test_a_time_whose_states_were_dropped() -> None:
    """The oldest block that is kept has entries for the next one's keyframe, and no states."""
    _card, memory = many(n.config(**CONFIG, segment_bytes=1, history_files=2), 4 * ENTRIES + 60)
    oldest, last = c.c_uint32(), c.c_uint32()
    memory.call("history_range", c.byref(oldest), c.byref(last))
    assert find(memory, 1001 + last.value - 5) > oldest.value
    with pytest.raises(n.StoreError) as error:
        find(memory, 1001 + oldest.value - 40)
    assert error.value.code == n.NOT_FOUND


def test_a_time_before_a_group() -> None:
    memory = opened(RamCard())
    memory.lib.ms_set_time(memory.handle, 1000)
    teach(memory, 0, 1, 2, 3)
    memory.lib.ms_set_time(memory.handle, 2000)
    memory.call("undo", c.c_uint32(3), None)
    assert find(memory, 1500) == 4 and find(memory, 2000) == newest(memory)


def test_a_file_of_the_history_whose_header_cannot_be_read() -> None:
    """On a card of version 1, where only a cut, or another memory, can have left one: it is not written over."""
    card = version_1(closed(0))
    card.put(LOG, bytes(1 << 21))
    card.unreadable = {(LOG, 0)}
    memory = opened(card)
    teach(memory, 1)
    assert not any(card.files[LOG]) and "history/000001.bin" in card.files
    assert set(contents(opened(card.cut()))) == {"thing 0", "thing 1"}


@pytest.mark.parametrize("room", [0, 250_000])
def test_no_room_for_the_smallest_file(room: int) -> None:
    card = RamCard()
    card.room = room
    with pytest.raises(n.StoreError) as error:
        card.open(n.config(**CONFIG, segment_bytes=1))
    assert error.value.code == n.CARD_FULL and not card.files


def test_no_room_for_a_history_that_was_deleted() -> None:
    card = without_history(copy_of(closed(0)))
    card.room = 0
    with pytest.raises(n.StoreError) as error:
        card.open(n.config(**CONFIG))
    assert error.value.code == n.CARD_FULL
    assert set(contents(opened(card, flags=1))) == {"thing 0"}


# --- the copies


def test_a_forgotten_thing_whose_word_is_in_the_third_place_alone() -> None:
    """It was replaced before; of the replacement, bytes and entry are damaged everywhere."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.teach("thing 0", episode(9), axis(0), replace=True)
    memory.call("flush")
    teach(memory, 2)
    memory.call("forget", b"thing 0", None)
    after = card.cut(lambda write: write[0] == "memory_backup.bin")
    for lane in (0, 1):
        for position in (FIRST + 2, FIRST + 4):
            poke(after, at(after, lane, position), bytes(512))
        poke(after, keyframe_at(after, lane, 2, 0), bytes(512))
    flip(after, "memory_slots.bin", 5)
    flip(after, "memory_backup.bin", MIRROR_SLOTS + 5)
    assert set(contents(opened(after))) == {"thing 1", "thing 2"}


def test_a_replaced_thing_whose_word_is_in_the_third_place_alone() -> None:
    """And whose bytes of before are nowhere, though its record of before is there."""
    card = without_history(copy_of(closed(0, 1)))
    memory = opened(card)  # a new history: keyframes of the first block
    memory.teach("thing 0", episode(9), axis(0), replace=True)
    after = card.cut(lambda write: write[0] in ("memory_backup.bin", "memory_slots.bin"))
    for lane in (0, 1):
        poke(after, at(after, lane, FIRST), bytes(512))
        poke(after, keyframe_at(after, lane, 1, 0), bytes(512))
    flip(after, "memory_backup.bin", MIRROR_SLOTS + 5)
    assert contents(opened(after)) == {"thing 0": episode(9).tobytes(), "thing 1": episode(1).tobytes()}


def test_an_unsaved_thing_in_a_slot_whose_last_word_the_log_has_lost() -> None:
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.call("forget", b"thing 1", None)
    memory.teach("passing", episode(2), axis(2), importance=0.1)
    memory.call("flush")
    teach(memory, 3)
    for lane in (0, 1):
        flip(card, LOG, at(card, lane, FIRST + 2) + 70)
    memory.verify()
    assert set(contents(memory)) == {"thing 0", "passing", "thing 3"}


@pytest.mark.parametrize("newer_says", ["nothing", "something"])
def test_damaged_bytes_of_a_slot_that_the_newer_copy_calls_empty(newer_says: str) -> None:
    """Without a history. Where the older copy calls it empty too nothing is lost; else that is said."""
    card = RamCard()
    memory = opened(card)
    teach(memory, *((0,) if newer_says == "nothing" else (0, 1)))
    memory.close()
    old = copy_of(card)
    memory = opened(card)
    if newer_says == "something":
        memory.call("forget", b"thing 1", None)
    memory.read(0)
    memory.close()
    left = without_history({**copy_of(card), "memory_index.bin": old["memory_index.bin"]})
    flip(left, "memory_slots.bin", 64 + 5)
    flip(left, "memory_backup.bin", MIRROR_SLOTS + 64 + 5)
    memory = left.open(n.config(**CONFIG))
    assert contents(memory) == {"thing 0": episode(0).tobytes()}
    assert memory.report.lost == (newer_says == "something")


@pytest.mark.parametrize("older", ["memory_index.bin", "memory_backup.bin"])
@pytest.mark.parametrize("one_record", [False, True])
def test_damaged_bytes_of_a_slot_of_which_the_copies_say_different_things(older: str, one_record: bool) -> None:
    """One calls it empty, the other not; or one of the two records is damaged as well."""
    card = RamCard()
    memory = opened(card)
    teach(memory, 0, 1)
    memory.close()
    old = copy_of(card)
    memory = opened(card)
    if not one_record:
        memory.call("forget", b"thing 1", None)
    memory.read(0)
    memory.close()
    left = without_history({**copy_of(card), older: old[older]})
    if one_record:
        flip(left, older, (512 if older == "memory_index.bin" else MARGIN + 512) + 256 + 70)
    flip(left, "memory_slots.bin", 64 + 5)
    flip(left, "memory_backup.bin", MIRROR_SLOTS + 64 + 5)
    memory = left.open(n.config(**CONFIG))
    assert contents(memory) == {"thing 0": episode(0).tobytes()} and memory.report.lost == 1


class ChangingCard(FailingCard):
    """From a read on, a slot that one copy alone has has other bytes, or cannot be read."""

    change_at = 0

    def do_read(self, context: int, file: int, where: int, data: int, size: int) -> int:
        if self.change_at and self.count + 1 == self.change_at:
            flip(self, "memory_backup.bin", MIRROR_SLOTS + 5)
        return super().do_read(context, file, where, data, size)


@pytest.mark.parametrize("changes", [False, True])
def test_a_slot_that_goes_while_it_is_repaired(changes: bool) -> None:
    """The mirror alone has it, there is no history and no way to make a spare copy."""
    files = copy_of(without_history(copy_of(closed(0, 1))))
    slots = bytearray(files["memory_slots.bin"])
    slots[5] ^= 1
    files["memory_slots.bin"] = bytes(slots)
    told = 0
    for call in range(4, 60):
        card = ChangingCard()
        card.port.remove = None
        for name, data in files.items():
            card.put(name, data)
        card.change_at, card.fail_at = (call, 0) if changes else (0, call)
        try:
            memory = card.open(n.config(**CONFIG))
            card.fail_at = 0
            told += memory.report.lost
            assert memory.report.lost or changes or np.array_equal(memory.read(0), episode(0))
            assert np.array_equal(memory.read(1), episode(1))
        except n.StoreError as error:
            told += 1
            assert error.code in (n.IO, n.DAMAGED)
    assert told


@pytest.mark.parametrize("fails", [False, True])
def test_a_spare_copy_that_cannot_be_removed(fails: bool) -> None:
    """A cut left it; the port cannot remove, or cannot close it."""
    card = FailingCard()
    memory = opened(card)
    teach(memory, 0, 1)
    wanted = contents(memory)
    memory.close()
    card.put("memory_spare.bin", bytes(card.files["memory_backup.bin"]))
    if not fails:
        card.port.remove = None
        assert contents(opened(card)) == wanted and "memory_spare.bin" in card.files
        return
    closing = card.do_close
    calls = n.PORT_FUNCTIONS.index("close")
    assert calls and closing(0, 0) == n.OK
    for fail_at in range(1, 160):
        card.count, card.fail_at = 0, fail_at
        with contextlib.suppress(n.StoreError):
            card.open(n.config(**CONFIG))
        card.fail_at = 0
        card.put("memory_spare.bin", bytes(card.files["memory_backup.bin"]))
    assert contents(opened(card)) == wanted


class TwoReadsFail(FailingCard):
    """From call number `reads_at` on: neither lane can be read. Between the two its file's length is asked for."""

    reads_at = 0

    def do_read(self, context: int, file: int, where: int, data: int, size: int) -> int:
        if not self.reads_at or not self.reads_at <= self.count + 1 < self.reads_at + 3:
            return super().do_read(context, file, where, data, size)
        self.count += 1
        return n.IO


@pytest.mark.parametrize("reads", [False, True])
def test_every_call_of_an_undo(reads: bool) -> None:
    """Of a thing whose slot holds an episode that is not saved; one call fails, or a read in both lanes: a state whose
    entry cannot be read is passed over."""
    bench = Bench(card=TwoReadsFail())
    before = bench.reopened()
    bench.again()
    assert bench.run(lambda memory: memory.call("undo", c.c_uint32(3), None)) == n.OK
    further = bench.reopened()
    bench.again()
    undo = lambda memory: memory.call("undo", c.c_uint32(2), None)  # noqa: E731
    assert bench.run(undo) == n.OK
    calls, after = bench.card.count, bench.reopened()
    for call in range(1, calls + 1):
        bench.again()
        bench.card.fail_at, bench.card.reads_at = (0, call) if reads else (call, 0)
        bench.card.lasting = False
        bench.run(undo)
        bench.card.fail_at = bench.card.reads_at = 0
        found = bench.reopened()
        assert found in (before, after) or (reads and found == further), call


def test_every_file_of_a_history_that_cannot_be_opened() -> None:
    """One block a file, and a lane that needs repair in each."""
    config = n.config(**CONFIG, segment_bytes=1)
    card, memory = many(config, ENTRIES + 40)
    wanted = contents(memory)
    memory.close()
    for name in ("history/000001.bin", "history/000002.bin"):
        for files in (card.files, card.durable):
            files[name][512 * 4 + 70] ^= 1
    files = copy_of(card)
    refused = 0
    for opening in range(1, 40):
        again = FailingCard()
        for name, data in files.items():
            again.put(name, data)
        opens = [0]

        def fails(context: int, name: bytes, mode: int, file: object, card=again, opens=opens, last=opening) -> int:
            opens[0] += 1
            return n.IO if opens[0] == last else RamCard.do_open(card, context, name, mode, file)

        kind = type(again.calls["open"])
        again.calls["open"] = kind(fails)
        again.port.open = c.cast(again.calls["open"], c.c_void_p)
        try:
            memory = again.open(config)
        except n.StoreError as error:
            refused += 1
            assert error.code == n.IO
            memory = again.open(config)
        assert contents(memory) == wanted
    assert 4 < refused < 39 and BLOCK


def test_a_short_file_of_the_history_on_a_full_card() -> None:
    """A cut left it: it is kept, the oldest ones make room, and there is not enough."""
    card, memory = many(n.config(**CONFIG, segment_bytes=1), 3 * ENTRIES - 4)
    card.put("history/000004.bin", bytes(512))
    card.room = 0
    wanted = None
    with pytest.raises(n.StoreError) as error:
        for i in range(10):
            memory.teach("thing 1", episode(i), axis(1))
            wanted = contents(memory)
    assert error.value.code == n.CARD_FULL
    assert len(card.files["history/000004.bin"]) == 512 and "history/000000.bin" not in card.files
    card.room = 1 << 30
    assert contents(memory) == wanted
    teach(memory, 2)
    assert set(contents(card.cut().open(n.config(**CONFIG, segment_bytes=1)))) == {*wanted, "thing 2"}


def test_one_file_of_history_is_two() -> None:
    """The newest state needs the block before its own."""
    config = n.config(**CONFIG, segment_bytes=1, history_files=1)
    card, memory = many(config, 3 * ENTRIES)
    assert len([name for name in card.files if name.startswith("history/")]) == 2
    assert contents(card.cut().open(config)) == contents(memory)


@pytest.mark.parametrize("failing", range(1, 4))
def test_a_keyframe_whose_repair_fails(failing: int) -> None:
    card, memory = many(n.config(**CONFIG), 20)
    wanted = contents(memory)
    memory.close()
    where = keyframe_at(card, 1, 2, 0)
    flip(card, LOG, where + 70)
    files = copy_of(card)
    again = FailingCard()
    for name, data in files.items():
        again.put(name, data)
    writes = [0]

    def fails(context: int, file: int, offset: int, data: int, size: int) -> int:
        writes[0] += 1
        return n.IO if writes[0] == failing else RamCard.do_write(again, context, file, offset, data, size)

    again.calls["write"] = type(again.calls["write"])(fails)
    again.port.write = c.cast(again.calls["write"], c.c_void_p)
    with contextlib.suppress(n.StoreError):
        opened(again)
    assert contents(opened(again)) == wanted
    assert again.files[LOG][where : where + 512] == again.files[LOG][keyframe_at(again, 0, 2, 0) :][:512]
