"""An independent reader of a card's memory: Python's standard library and the pages of docs/sd-format.md, nothing of memstore.

`python tests/memstore/reader.py CARD/bitmar_memory` prints what is on a card. It never writes.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
MARGIN = 65536
EMPTY, OCCUPIED, LOST = 0, 1, 2
DEEDS = (
    *("kept", "taught", "taught again", "replaced by", "made room for", "forgot", "renamed to", "undone"),
    *("restored", "revised", "found"),
)
RECORD = struct.Struct("<BBHIQQQIfffIIBxHI")  # up to and with the CRC at byte 60


class CardError(Exception):
    """The files are not a memory, or no header of it can be read."""


@dataclass
class Header:
    """Sector 0 of memory_index.bin; two more copies stand in memory_backup.bin, at 65536 and at 0."""

    version: int
    record_bytes: int
    slots: int
    dim: int
    dtype: int  # 0 float16, 1 int8
    salt: int
    model_hash: bytes
    sequence: int
    pending: int
    identity: bytes  # of both versions: the version in it is 1
    base: int = 0  # version 2: position in the log of state 0
    file_blocks: int = 0  # blocks in each file of history/
    first_file: int = 0

    @property
    def slot_bytes(self) -> int:
        return self.dim * (2 if self.dtype == 0 else 1)

    @property
    def index_bytes(self) -> int:
        return SECTOR + -(-self.slots * self.record_bytes // SECTOR) * SECTOR

    @property
    def backup_bytes(self) -> int:
        return MARGIN + self.index_bytes + -(-self.slots * self.slot_bytes // SECTOR) * SECTOR + MARGIN


@dataclass
class Record:
    """One record of the index, its CRC already checked."""

    state: int
    slot: int
    slot_crc: int
    sequence: int
    taught: int
    last_access: int
    uses: int
    importance: float
    key_scale: float
    slot_scale: float
    time: int
    writes: int
    decodes: bool
    kept: bool
    views: int  # at least 1 where the slot is in use
    name: str
    key: bytes


@dataclass
class Entry:
    """One entry of the log: what a slot became, and what the write did."""

    record: Record
    content: bytes
    action: int
    more: bool  # the next entry belongs to the same write


@dataclass
class Memory:
    """What a card holds: for every slot the newest record that can be believed, and the slot's bytes."""

    header: Header
    records: list[Record | None]
    contents: list[bytes | None]
    lost: list[int] = field(default_factory=list)
    history: dict[int, Entry] = field(default_factory=dict)  # by position
    log: Log | None = None

    def values(self, slot: int) -> list[float]:
        """The D numbers of a slot."""
        raw, header = self.contents[slot], self.header
        if header.dtype == 0:
            return list(struct.unpack(f"<{header.dim}e", raw))
        scale = self.records[slot].slot_scale
        return [q * scale for q in struct.unpack(f"{header.dim}b", raw)]

    def state(self) -> tuple:
        """What must be old or new after a cut: names, contents and keys of the slots in use."""
        return tuple(
            (i, r.name, r.writes, r.key, r.key_scale, r.slot_scale, self.contents[i])
            for i, r in enumerate(self.records)
            if r is not None and r.state == OCCUPIED
        )


def parse_header(sector: bytes) -> Header | None:
    """A header, or None where the sector is not one or is damaged."""
    if (
        len(sector) < SECTOR
        or sector[:8] != b"BITMARMS"
        or zlib.crc32(sector[:508]) != struct.unpack_from("<I", sector, 508)[0]
    ):
        return None
    version, record_bytes, slots, dim, dtype, salt = struct.unpack_from("<HHIHHI", sector, 8)
    sequence, pending, margin = struct.unpack_from("<QII", sector, 32)
    if version not in (1, 2):
        raise CardError(f"format version {version}, expected 1 or 2")
    if margin != MARGIN:
        return None
    log = struct.unpack_from("<III", sector, 48) if version == 2 else ()
    identity = sector[:8] + b"\x01\x00" + sector[10:32]
    return Header(version, record_bytes, slots, dim, dtype, salt, sector[24:32], sequence, pending, identity, *log)


def parse_record(raw: bytes, slot: int, header: Header) -> Record | None:
    """A record whose CRC (over the header's first 32 bytes, then the record without its CRC) is right, else None."""
    if len(raw) < header.record_bytes:
        return None
    *values, crc = RECORD.unpack_from(raw)
    if zlib.crc32(raw[64:], zlib.crc32(raw[:60], zlib.crc32(header.identity))) != crc or values[2] != slot:
        return None
    return record_of(raw, header)


def record_of(raw: bytes, header: Header) -> Record:
    """A record's fields, its CRC already checked."""
    *values, _ = RECORD.unpack_from(raw)
    state, name_bytes, slot, slot_crc, sequence, taught, last, uses, importance, key_scale, slot_scale = values[:11]
    time, writes, flags, views = values[11:]
    name = raw[64 : 64 + name_bytes].decode("utf-8", errors="replace")
    key = raw[128 : 128 + header.dim]
    counters = (sequence, taught, last, uses, importance, key_scale, slot_scale, time, writes)
    marks = (bool(flags & 1), bool(flags & 2), max(views, int(state == OCCUPIED)))
    return Record(state, slot, slot_crc, *counters, *marks, name, key)


class Copy:
    """Index and slots of one copy: the primary files or the mirror."""

    def __init__(self, header: Header, index: bytes, slots: bytes) -> None:
        self.header, self.index, self.slots = header, index, slots

    def record(self, slot: int) -> Record | None:
        at = SECTOR + slot * self.header.record_bytes
        return parse_record(self.index[at : at + self.header.record_bytes], slot, self.header)

    def content(self, slot: int) -> bytes:
        return self.slots[slot * self.header.slot_bytes : (slot + 1) * self.header.slot_bytes]


class Log:
    """The files of history/: entries in two lanes, keyframes, block headers; by docs/sd-format.md alone."""

    def __init__(self, header: Header, files: dict[int, bytes], tail: bytes = b"", block: int = 128) -> None:
        self.header, self.files, self.tail = header, files, tail
        self.entries = max(block, header.slots)
        self.entry_bytes = -(-(header.record_bytes + header.slot_bytes) // SECTOR) * SECTOR
        self.block_bytes = SECTOR + (self.entries + header.slots) * self.entry_bytes
        self.first = header.first_file * header.file_blocks  # block; the first entries are those of the next one

    def place(self, block: int, at: int, length: int, lane: int) -> bytes:
        file, block = divmod(block, self.header.file_blocks)
        start = lane * (self.header.file_blocks * self.block_bytes + MARGIN) + block * self.block_bytes + at
        return self.files.get(file, b"")[start : start + length]

    def unpack(self, raw: bytes, where: int) -> Entry | None:
        """An entry, if its CRC says that it belongs into this place."""
        size = self.header.record_bytes
        if len(raw) < self.entry_bytes:
            return None
        place = struct.pack("<I", where)
        crc = zlib.crc32(raw[64:size], zlib.crc32(raw[:60], zlib.crc32(place, zlib.crc32(self.header.identity))))
        if crc != struct.unpack_from("<I", raw, 60)[0]:
            return None
        content = raw[size : size + self.header.slot_bytes]
        record = record_of(raw, self.header)
        if record.slot >= self.header.slots or zlib.crc32(content) != record.slot_crc:
            return None
        return Entry(record, content, raw[127] & 15, bool(raw[127] & 128))

    def both(self, block: int, at: int, where: int) -> list[Entry]:
        """What the lanes have in one place, the newer one first."""
        found = [self.unpack(self.place(block, at, self.entry_bytes, lane), where) for lane in (0, 1)]
        return sorted((e for e in found if e), key=lambda e: -e.record.sequence)

    def entry(self, position: int, above: int) -> Entry | None:
        block, place = divmod(position, self.entries)
        found = self.both(block, SECTOR + place * self.entry_bytes, position)
        return found[0] if found and found[0].record.sequence > above else None

    def keyframe(self, block: int, slot: int) -> Entry | None:
        found = self.both(block - 1, SECTOR + (self.entries + slot) * self.entry_bytes, 0x80000000 | block)
        return next((e for e in found if e.record.slot == slot), None)

    def sequence(self, block: int) -> int | None:
        """What a block's header says was the clock before it; None: neither lane has one."""
        for lane in (0, 1):
            raw = self.place(block, 0, SECTOR, lane)
            magic, number, identity, sequence = struct.unpack_from("<8sIIQ", raw.ljust(SECTOR, b"\0"))
            whole = magic == b"BITMARLG" and zlib.crc32(raw[:508]) == struct.unpack_from("<I", raw, 508)[0]
            if whole and number == block and identity == zlib.crc32(self.header.identity):
                return sequence
        return None

    def walk(self) -> dict[int, Entry]:
        """Every entry that counts, by its position, from the oldest file on."""
        found: dict[int, Entry] = {}
        group: dict[int, Entry] = {}
        above, position, missing = self.sequence(self.first) or 0, (self.first + 1) * self.entries, 0
        while missing < 16:
            entry = self.entry(position, above)
            missing = 0 if entry else missing + 1
            if entry:
                above = entry.record.sequence
                group[position] = entry
                if not entry.more:  # the last of its group: all of them count
                    found |= group
                    group = {}
            position += 1
        after = max(found, default=(self.first + 1) * self.entries - 1) + 1
        newest = self.unpack(self.tail, after)
        return found | ({after: newest} if newest and newest.record.sequence > above else {})

    def newest(self, found: dict[int, Entry], until: int | None = None) -> dict[int, Entry]:
        """Each slot's newest entry or keyframe up to a position."""
        positions = sorted(p for p in found if until is None or p <= until)
        slots: dict[int, Entry] = {}
        last = positions[-1] if positions else (self.first + 1) * self.entries - 1
        for block in range(self.first + 1, max(last // self.entries, self.first + 1) + 1):
            for slot in range(self.header.slots):
                keyframe = self.keyframe(block, slot)
                if keyframe and (slot not in slots or keyframe.record.sequence > slots[slot].record.sequence):
                    slots[slot] = keyframe
        for position in positions:
            entry = found[position]
            if entry.record.slot not in slots or entry.record.sequence > slots[entry.record.slot].record.sequence:
                slots[entry.record.slot] = entry
        return slots


def read_files(
    index: bytes, slots: bytes, backup: bytes, history: dict[int, bytes] | None = None, block: int = 128
) -> Memory:
    """Both copies of everything and the log to one memory, by the rules of docs/sd-format.md."""
    headers = [
        parse_header(index[:SECTOR]),
        parse_header(backup[MARGIN : MARGIN + SECTOR]),
        parse_header(backup[:SECTOR]),
    ]
    headers = [h for h in headers if h is not None]
    if not headers:
        raise CardError("no valid header in memory_index.bin or memory_backup.bin")
    header = max(headers, key=lambda h: h.sequence)
    mirror = (
        backup[MARGIN : MARGIN + header.index_bytes],
        backup[MARGIN + header.index_bytes : header.backup_bytes - MARGIN],
    )
    copies = [Copy(header, index, slots), Copy(header, *mirror)]

    def believed(copy: Copy, slot: int) -> tuple[Record, bytes] | None:
        record = copy.record(slot)
        if record is None:
            return None
        for content in (c.content(slot) for c in copies):
            if len(content) == header.slot_bytes and zlib.crc32(content) == record.slot_crc:
                return record, content
        return None

    memory = Memory(header, [None] * header.slots, [None] * header.slots)
    per_sector = SECTOR // header.record_bytes
    for first in range(0, header.slots, per_sector):
        group = range(first, min(first + per_sector, header.slots))
        found = [[believed(copy, slot) for slot in group] for copy in copies]
        # all records of a sector carry the sequence of its last write: several sequences are a torn sector
        whole = [f for f in found if all(f) and len({r.sequence for r, _ in f}) == 1]
        if whole:  # the newer whole copy; the primary of two equally new ones
            chosen = max(whole, key=lambda f: f[0][0].sequence)
        else:
            pairs = zip(*found, strict=True)
            chosen = [max((c for c in pair if c), key=lambda c: c[0].sequence, default=None) for pair in pairs]
        for slot, entry in zip(group, chosen, strict=True):
            if entry is None:
                memory.lost.append(slot)
            else:
                memory.records[slot], memory.contents[slot] = entry
    if header.version == 2:
        log = Log(header, history or {}, backup[SECTOR : SECTOR + 1024], block)
        memory.log, memory.history = log, log.walk()
        for slot, entry in log.newest(memory.history).items():
            if slot in memory.lost:
                memory.lost.remove(slot)
            elif entry.record.sequence <= memory.records[slot].sequence:
                continue
            memory.records[slot], memory.contents[slot] = entry.record, entry.content
    return memory


def read_memory(folder: Path | str, block: int = 128) -> Memory:
    """Read CARD/bitmar_memory/; missing files count as damaged copies."""

    def load(name: str) -> bytes:
        path = Path(folder) / name
        return path.read_bytes() if path.exists() else b""

    history = {int(p.stem): p.read_bytes() for p in sorted(Path(folder).glob("history/[0-9]*.bin"))}
    return read_files(load("memory_index.bin"), load("memory_slots.bin"), load("memory_backup.bin"), history, block)


def main() -> int:
    memory = read_memory(sys.argv[1])
    h = memory.header
    print(
        f"format {h.version}, {h.slots} x {h.dim} {'float16' if h.dtype == 0 else 'int8'}, model {h.model_hash.hex()}"
    )
    for slot, record in enumerate(memory.records):
        if record is not None and record.state == OCCUPIED:
            head = ", ".join(f"{v:+.3f}" for v in memory.values(slot)[:4])
            print(
                json.dumps(record.name, ensure_ascii=False),
                f"slot {slot}, used {record.uses}, written {record.writes}: {head} ...",
            )
    for position, entry in list(memory.history.items())[-20:]:
        if not entry.more:
            print(f"state {position - h.base}: {DEEDS[entry.action]} {entry.record.name}")
    if memory.lost:
        print("lost:", *memory.lost)
    return 1 if memory.lost else 0


if __name__ == "__main__":
    sys.exit(main())
