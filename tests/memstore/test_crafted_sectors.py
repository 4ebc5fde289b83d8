"""Property: a header, record or entry whose CRC is right and whose numbers are not is no header, record or entry; what is
in another's place is not believed."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2}
MARGIN, END = 65536, 1 << 62
HEADERS = (("memory_index.bin", 0), ("memory_backup.bin", MARGIN), ("memory_backup.bin", 0))
LANE = 65536  # between the lanes; a block has 1 + 128 + 4 sectors here


def made(things: int = 3, same: bool = False) -> RamCard:
    """A closed memory; with `same` all slots hold the same numbers."""
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(n.config(**CONFIG))
    for i in range(things):
        episode, key = n.random_episode(rng, CONFIG["dim"])
        memory.teach(f"thing {i}", episode if not same else np.ones(32, np.float32), key)
    memory.close()
    return card


def put(card: RamCard, name: str, at: int, data: bytes) -> None:
    for files in (card.files, card.durable):
        files[name][at : at + len(data)] = data


def forget_history(card: RamCard) -> None:
    for files in (card.files, card.durable):
        del files["history/000000.bin"]
        files["memory_backup.bin"][512:2048] = bytes(1536)


def craft_headers(card: RamCard, at: int, kind: str, value: int) -> None:
    for name, start in HEADERS:
        header = bytearray(card.files[name][start : start + 512])
        struct.pack_into(kind, header, at, value)
        put(card, name, start, n.seal(header))


@pytest.mark.parametrize(
    ("at", "kind", "value", "code"),
    [
        (8, "<H", 0, n.VERSION),
        (8, "<H", 3, n.VERSION),
        (10, "<H", 512, n.FORMAT),
        (12, "<I", 0, n.FORMAT),
        (16, "<H", 33, n.FORMAT),
        (18, "<H", 2, n.FORMAT),
        (32, "<Q", END, n.FORMAT),
        (44, "<I", 4096, n.FORMAT),
        (48, "<I", 1 << 30, n.FORMAT),
        (52, "<I", 0, n.FORMAT),
        (52, "<I", 1 << 30, n.FORMAT),
        (56, "<I", 1 << 30, n.FORMAT),
    ],
)
def test_headers_whose_numbers_cannot_be(at: int, kind: str, value: int, code: int) -> None:
    card = made()
    craft_headers(card, at, kind, value)
    before = {name: bytes(data) for name, data in card.files.items()}
    with pytest.raises(n.StoreError) as error:
        card.open(n.config(**CONFIG))
    assert error.value.code == code
    assert {name: bytes(data) for name, data in card.files.items()} == before


def test_a_log_whose_number_is_beyond_the_names() -> None:
    """history/999999.bin is the last name: what is there can be read, and no write is called done."""
    card = made()
    for name, start in HEADERS:
        header = bytearray(card.files[name][start : start + 512])
        struct.pack_into("<III", header, 48, 1_000_001 * 128 - 1, 1, 1_000_000)
        put(card, name, start, n.seal(header))
    with pytest.raises(n.StoreError) as error:
        card.open(n.config(**CONFIG))
    assert error.value.code == n.HISTORY_FULL
    assert len(card.open(n.config(**CONFIG), flags=1).names()) == 3


def seal_record(card: RamCard, record: bytearray, place: bytes = b"") -> bytes:
    index = card.files["memory_index.bin"]
    crc = zlib.crc32(place, zlib.crc32(bytes(index[:8]) + b"\x01\x00" + bytes(index[10:32])))
    crc = zlib.crc32(record[64:256], zlib.crc32(record[:60], crc))
    struct.pack_into("<I", record, 60, crc)
    return bytes(record)


NUMBERS = [
    ("sequence", 8, struct.pack("<Q", END)),
    ("taught", 16, struct.pack("<Q", END)),
    ("access", 24, struct.pack("<Q", END)),
    ("importance", 36, struct.pack("<f", float("nan"))),
    ("key scale", 40, struct.pack("<f", float("inf"))),
    ("slot scale", 44, struct.pack("<f", float("nan"))),
    ("name's length", 1, b"\x05"),
    ("no end of the name", 127, b"x"),
    ("a name that is none", 64, b"\xff"),
    ("a state that is none", 0, b"\x03"),
    ("lost, with numbers", 0, b"\x02"),
    ("empty, with numbers", 0, b"\x00"),
]


@pytest.mark.parametrize(("at", "value"), [x[1:] for x in NUMBERS], ids=[x[0] for x in NUMBERS])
def test_records_whose_numbers_cannot_be(at: int, value: bytes) -> None:
    card = made()
    for name, start in (("memory_index.bin", 512), ("memory_backup.bin", MARGIN + 512)):
        record = bytearray(card.files[name][start : start + 256])
        record[at : at + len(value)] = value
        put(card, name, start, seal_record(card, record))
    forget_history(card)
    memory = card.open(n.config(**CONFIG))
    assert set(memory.names()) == {1, 2} and memory.report.lost == 1 and memory.report.lost_slots[0] == 0
    for slot in (1, 2):
        memory.read(slot)


@pytest.mark.parametrize(("at", "value"), [x[1:] for x in NUMBERS[:6]], ids=[x[0] for x in NUMBERS[:6]])
def test_entries_whose_numbers_cannot_be(at: int, value: bytes) -> None:
    """The newest entry, in both lanes and in its third place: the state before it is what there is."""
    card, rng = made(), np.random.default_rng(5)
    memory = card.open(n.config(**CONFIG))
    memory.teach("newest", *n.random_episode(rng, CONFIG["dim"]))
    size = len(card.files["history/000000.bin"])
    file_lane = size // 2 - LANE
    block = (1 + 128 + 4) * 512
    at_entry = block + 512 * (1 + 3)  # entry 128 + 3
    for lane in (0, file_lane + LANE):
        entry = bytearray(card.files["history/000000.bin"][lane + at_entry : lane + at_entry + 512])
        if entry[64:70] != b"newest":
            continue
        entry[at : at + len(value)] = value
        put(card, "history/000000.bin", lane + at_entry, seal_record(card, entry, struct.pack("<I", 131)))
        put(card, "memory_backup.bin", 512, seal_record(card, entry, struct.pack("<I", 131)))
    again = card.open(n.config(**CONFIG))
    assert set(again.names().values()) == {f"thing {i}" for i in range(3)} and again.report.lost == 0
    again.teach("newest", *n.random_episode(rng, CONFIG["dim"]))


def test_a_block_whose_number_cannot_be() -> None:
    card = made()
    size, block = len(card.files["history/000000.bin"]), (1 + 128 + 4) * 512
    for lane in (0, size // 2):
        for at, kind, value in ((16, "<Q", END), (8, "<I", 9), (12, "<I", 1)):
            header = bytearray(card.files["history/000000.bin"][lane + block : lane + block + 512])
            struct.pack_into(kind, header, at, value)
            put(card, "history/000000.bin", lane + block, n.seal(header))
            memory = card.open(n.config(**CONFIG))
            assert len(memory.names()) == 3 and memory.report.lost == 0


@pytest.mark.parametrize("copy", [0, 1])
@pytest.mark.parametrize("history", [True, False])
def test_an_index_sector_in_another_sectors_place(copy: int, history: bool) -> None:
    """All slots hold the same numbers, so that nothing but the records' own numbers tells them apart."""
    card = made(things=4, same=True)
    name, start = (("memory_index.bin", 512), ("memory_backup.bin", MARGIN + 512))[copy]
    first, second = (bytes(card.files[name][at : at + 512]) for at in (start, start + 512))
    put(card, name, start, second + first)
    if not history:
        forget_history(card)
    memory = card.open(n.config(**CONFIG))
    assert memory.names() == {i: f"thing {i}" for i in range(4)} and memory.report.lost == 0


def test_the_newer_header_counts() -> None:
    """One copy of the header is older: it names a file that is gone since."""
    card, rng = RamCard(), np.random.default_rng(3)
    config = n.config(**CONFIG, segment_bytes=1, history_files=2)
    memory = card.open(config)
    old = {name: bytes(card.files[name][start : start + 512]) for name, start in HEADERS[:2]}
    for i in range(420):
        memory.teach(f"thing {i}", *n.random_episode(rng, CONFIG["dim"]))
    wanted = memory.names()
    memory.close()
    for name, start in HEADERS[:2]:
        spoilt = RamCard()
        for file, data in card.files.items():
            spoilt.put(file, bytes(data))
        put(spoilt, name, start, old[name])
        opened = spoilt.open(config)
        assert opened.names() == wanted and opened.report.kept != n.CLEAN
        opened.close()
        assert spoilt.open(config).report.kept == n.CLEAN
        assert bytes(spoilt.files[name][start : start + 512]) == bytes(card.files[name][start : start + 512])


def test_counters_do_not_run_over() -> None:
    card = made()
    for name, start in (("memory_index.bin", 512), ("memory_backup.bin", MARGIN + 512)):
        record = bytearray(card.files[name][start : start + 256])
        struct.pack_into("<I", record, 32, 0xFFFFFFFF)
        put(card, name, start, seal_record(card, record))
    forget_history(card)
    memory = card.open(n.config(**CONFIG))
    memory.read(0)
    assert memory.info(0).uses == 0xFFFFFFFF


def test_the_end_of_the_clock_in_ram_and_in_an_undo() -> None:
    card = made()
    for name, start in (("memory_index.bin", 512), ("memory_backup.bin", MARGIN + 512)):
        for i in range(2):
            record = bytearray(card.files[name][start + 256 * i : start + 256 * i + 256])
            struct.pack_into("<Q", record, 8, END - 2)
            put(card, name, start + 256 * i, seal_record(card, record))
    memory = card.open(n.config(**CONFIG, min_importance=0.5))
    rng = np.random.default_rng(1)
    for i in range(2):
        memory.teach(f"passing {i}", *n.random_episode(rng, 32), importance=0.1)
    with pytest.raises(n.StoreError) as error:
        memory.call("undo", n.c.c_uint32(1), None)
    assert error.value.code == n.CLOCK
