"""Property: numbers that no healthy card has, and files that are something else, are refused or lived with: nothing is
acknowledged that the next opening drops, and no derived file decides whether a memory can be opened."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2}
END = 1 << 62
MARGIN = 65536


def made(things: int = 3) -> RamCard:
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(n.config(**CONFIG))
    for i in range(things):
        memory.teach(f"thing {i}", *n.random_episode(rng, CONFIG["dim"]))
    memory.close()
    return card


def put(card: RamCard, name: str, at: int, data: bytes) -> None:
    for files in (card.files, card.durable):
        files[name][at : at + len(data)] = data


def with_sequence(card: RamCard, sequence: int) -> None:
    """Every record of sector 1 says that it was last written at this sequence."""
    index = card.files["memory_index.bin"]
    identity = bytes(index[:8]) + b"\x01\x00" + bytes(index[10:32])
    for i in range(2):
        record = bytearray(card.files["memory_index.bin"][512 + i * 256 :][:256])
        struct.pack_into("<Q", record, 8, sequence)
        crc = zlib.crc32(record[64:], zlib.crc32(record[:60], zlib.crc32(identity)))
        struct.pack_into("<I", record, 60, crc)
        put(card, "memory_index.bin", 512 + i * 256, bytes(record))
        put(card, "memory_backup.bin", MARGIN + 512 + i * 256, bytes(record))


@pytest.mark.parametrize("left", [1, 2, 3, 5])
def test_the_end_of_the_clock_is_not_crossed(left: int) -> None:
    card, rng = made(), np.random.default_rng(1)
    with_sequence(card, END - left)
    memory = card.open(n.config(**CONFIG))
    taught = set(memory.names().values())
    refused = 0
    for i in range(6):
        try:
            memory.teach(f"late {i}", *n.random_episode(rng, CONFIG["dim"]))
            taught.add(f"late {i}")
        except n.StoreError as error:
            assert error.code == n.CLOCK
            refused += 1
    assert refused == 6 - (left - 1)
    kept = memory.names()
    for slot in kept:
        memory.read(slot)
    memory.close()
    again = card.open(n.config(**CONFIG))
    assert again.names() == kept and set(kept.values()) <= taught and again.report.lost == 0


def test_a_header_of_another_salt_and_a_higher_sequence_wipes_nothing() -> None:
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", MARGIN), ("memory_backup.bin", 0)):
        card = made()
        header = bytearray(card.files[name][at : at + 512])
        header[20:24] = b"salt"
        struct.pack_into("<Q", header, 32, 1 << 40)
        put(card, name, at, n.seal(header))
        memory = card.open(n.config(**CONFIG))
        assert set(memory.names().values()) == {f"thing {i}" for i in range(3)} and memory.report.lost == 0
        assert bytes(card.files[name][at + 20 : at + 24]) != b"salt", "and it is repaired"


def test_a_header_at_the_end_of_its_sequence_is_no_header() -> None:
    card = made()
    header = bytearray(card.files["memory_index.bin"][:512])
    struct.pack_into("<Q", header, 32, END)
    put(card, "memory_index.bin", 0, n.seal(header))
    assert len(card.open(n.config(**CONFIG)).names()) == 3


@pytest.mark.parametrize("what", ["directory", "dangling", "missing on a full card", "read-only"])
def test_the_metadata_decides_nothing(tmp_path: Path, what: str) -> None:
    folder, rng = tmp_path / "m", np.random.default_rng(2)
    with n.opened(folder) as memory:
        memory.teach("a", *n.random_episode(rng))
    path = folder / "memory_metadata.json"
    path.unlink()
    if what == "directory":
        path.mkdir()
    elif what == "dangling":
        path.symlink_to(tmp_path / "nowhere" / "at all")
    elif what == "read-only":
        path.write_text("")
        path.chmod(0o444)
    with n.opened(folder) as memory:
        memory.teach("b", *n.random_episode(rng))
        assert memory.verify().lost == 0
    with n.opened(folder) as memory:
        assert set(memory.names().values()) == {"a", "b"} and memory.report.kept == n.CLEAN


def test_missing_metadata_on_a_full_card() -> None:
    card, rng = made(), np.random.default_rng(3)
    del card.files["memory_metadata.json"], card.durable["memory_metadata.json"]
    card.room = 0
    memory = card.open(n.config(**CONFIG))
    memory.teach("more", *n.random_episode(rng, CONFIG["dim"]))
    assert "memory_metadata.json cannot be written: the card is full" in memory.report_text(memory.verify())
    memory.close()


def test_lost_counts_what_was_there() -> None:
    """Both copies of an index sector are gone: of its two records one was a thing, the other an empty slot."""
    card = made(things=3)
    for name, at in (("memory_index.bin", 1024), ("memory_backup.bin", MARGIN + 1024)):
        put(card, name, at, bytes(512))
    put(card, "memory_backup.bin", 512, bytes(512))
    del card.files["history/000000.bin"], card.durable["history/000000.bin"]
    memory = card.open(n.config(**CONFIG))
    assert memory.report.lost == 1 and memory.report.lost_slots[0] == 2
    assert not memory.info(3).lost


def ram_of(memory: n.Memory) -> np.ndarray:
    return memory.buffer.view(np.uint8)


def flip_in_ram(memory: n.Memory, pattern: bytes) -> int:
    """A bit of RAM at every place that holds these bytes."""
    ram, found = ram_of(memory), 0
    raw, at = ram.tobytes(), -1
    while (at := raw.find(pattern, at + 1)) >= 0:
        ram[at + len(pattern) // 2] ^= 4
        found += 1
    return found


def key_of(memory: n.Memory, slot: int) -> bytes:
    return n.c.string_at(memory.info(slot).key, 32)


def test_a_bit_that_fell_over_in_ram_is_not_written() -> None:
    """In the hot cache, and in the record of a neighbour in the same sector."""
    card, rng = made(), np.random.default_rng(4)
    memory = card.open(n.config(**CONFIG))
    wanted = {slot: memory.read(slot).astype(np.float16) for slot in memory.names()}
    key = key_of(memory, 0)
    assert flip_in_ram(memory, wanted[0].tobytes()) and flip_in_ram(memory, key)
    memory.teach("thing 1", *n.random_episode(rng, CONFIG["dim"]))  # another look: a new slot, sector 2
    memory.rename(b"thing 1", b"renamed")  # slot 1: the record's neighbour, in the same sector
    episode, _ = n.random_episode(rng, CONFIG["dim"])
    key1 = np.array(memory.info(1).key[:32], np.float32) * memory.info(1).key_scale
    memory.teach("renamed", episode, key1, replace=True)  # slot 1: the slot's neighbour too
    memory.close()
    again = card.open(n.config(**CONFIG))
    assert again.report.lost == 0
    assert np.array_equal(again.read(0).astype(np.float16), wanted[0]) and key_of(again, 0) == key


def test_an_upper_bound_of_the_memorys_ram() -> None:
    source = '#include <stdio.h>\n#include "memstore.h"\nint main(void) { unsigned k, d, h;\n' \
        'while (scanf("%u %u %u", &k, &d, &h) == 3) printf("%zu\\n", MS_MEMORY_BYTES(k, d, h)); }'  # fmt: skip
    out = n.BUILD / "bound.c"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(source)
    shapes = [(1, 16, 1), (8, 128, 4), (16, 128, 8), (512, 256, 512), (33, 32, 7), (32, 128, 8)]
    program = n.build("bound", [out])
    text = "\n".join(" ".join(map(str, shape)) for shape in shapes)
    bounds = n.subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout.split()
    for shape, bound in zip(shapes, map(int, bounds), strict=True):
        size = n.library().ms_memory_size(n.c.byref(n.config(*shape)))
        assert size <= bound < size + 8192


TAKES_NOTHING = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t at) {
  (void)fd, (void)data, (void)bytes, (void)at;
  return 0;
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) { return pwrite64(fd, data, bytes, at); }
"""


def test_a_device_that_takes_nothing_ends_the_word(tmp_path: Path) -> None:
    """pwrite returns 0, and would for ever."""
    (tmp_path / "shim.c").write_text(TAKES_NOTHING)
    shim = n.build("takes_nothing.so", [tmp_path / "shim.c"], flags=["-shared", "-fPIC"])
    with n.opened(tmp_path / "m"):
        pass
    program = (
        "import sys, numpy as np; from pathlib import Path; from tests.memstore import native as n\n"
        "memory = n.Memory(Path(sys.argv[1]))\n"
        "try: memory.teach('a', *n.random_episode(np.random.default_rng(0)))\n"
        "except n.StoreError as error: print('code', error.code)\n"
    )
    done = n.subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "m")],
        env={**n.os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(n.ROOT)},
        capture_output=True, text=True, cwd=n.ROOT, timeout=60,
    )  # fmt: skip
    assert done.stdout == f"code {n.IO}\n", done.stderr


def test_offsets_have_64_bits_where_a_long_has_32(tmp_path: Path) -> None:
    """The port is compiled for 32-bit ARM: a file's end may lie beyond 2 GiB."""
    source = tmp_path / "offset.c"
    source.write_text('#include "ms_posix.c"\n_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 4, "off_t");\n')
    command = ["arm-linux-gnueabihf-gcc", "-std=c11", *n.INCLUDES, "-c", str(source), "-o", str(tmp_path / "offset.o")]
    done = n.subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
