"""The journal of unsynced.c, and the folder that a power cut at any point of it leaves: what was not synced may be missing.

Strict POSIX: a file's bytes and size are there after its own fsync, its name after its folder's. What is unsynced arrives
in part: of names the first few, in order, as journalling file systems do; of writes any.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

HEADER = struct.Struct("<cQQI")


@dataclass(frozen=True)
class Record:
    """One call: its kind (unsynced.c lists them), the file's inode, an offset or size, bytes or paths."""

    kind: str
    inode: int
    at: int
    data: bytes


def read_journal(path: Path) -> list[Record]:
    """All whole records."""
    raw, records, at = path.read_bytes(), [], 0
    while at + HEADER.size <= len(raw):
        kind, inode, offset, size = HEADER.unpack_from(raw, at)
        data = raw[at + HEADER.size : at + HEADER.size + size]
        if len(data) < size:
            break
        records.append(Record(kind.decode(), inode, offset, data))
        at += HEADER.size + size
    return records


@dataclass
class Disk:
    """What is on the card for certain, and what is on its way."""

    names: dict[str, int] = field(default_factory=dict)
    files: dict[int, bytearray] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    name_changes: list[Record] = field(default_factory=list)
    writes: dict[int, list[Record]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """A folder as it is, all of it synced."""
        disk = cls()
        for path in folder.rglob("*"):
            if path.is_dir():
                disk.folders.add(str(path))
            else:
                disk.names[str(path)] = path.stat().st_ino
                disk.files[path.stat().st_ino] = bytearray(path.read_bytes())
        return disk

    def _rename(self, record: Record) -> None:
        paths = record.data.decode().split("\0")
        match record.kind:
            case "C":
                self.names[paths[0]] = record.inode
            case "R":
                if paths[0] in self.names:
                    self.names[paths[1]] = self.names.pop(paths[0])
            case "U":
                self.names.pop(paths[0], None)
            case "M":
                self.folders.add(paths[0])

    def _write(self, record: Record) -> None:
        data = self.files.setdefault(record.inode, bytearray())
        if record.kind == "T":
            del data[record.at :]
            data.extend(bytes(record.at - len(data)))
        else:
            data.extend(bytes(max(0, record.at + len(record.data) - len(data))))
            data[record.at : record.at + len(record.data)] = record.data

    def take(self, record: Record) -> None:
        """The next call of the program."""
        match record.kind:
            case "C":
                self.files[record.inode] = bytearray()
                self.writes[record.inode] = []
                self.name_changes.append(record)
            case "R" | "U" | "M":
                self.name_changes.append(record)
            case "W" | "T":
                self.writes.setdefault(record.inode, []).append(record)
            case "S":
                for write in self.writes.pop(record.inode, []):
                    self._write(write)
            case "F":  # as Linux does: the pages are called clean, and are not on the card
                self.writes.pop(record.inode, None)
            case "D":
                folder = record.data.decode()
                of_it = [c for c in self.name_changes if str(Path(c.data.decode().split("\0")[0]).parent) == folder]
                self.name_changes = [c for c in self.name_changes if c not in of_it]
                for change in of_it:
                    self._rename(change)

    def cut(self, rng: random.Random, old: Path, new: Path) -> None:
        """Write what is there after a power cut now, below `new` what stood below `old`."""
        every = rng.random() < 0.3  # often nothing unsynced arrives, which is the hardest for whoever forgot a barrier
        for change in self.name_changes[: rng.randint(0, len(self.name_changes)) if every else 0]:
            self._rename(change)
        for writes in self.writes.values():
            for write in writes:
                if every and rng.random() < 0.5:
                    self._write(write)
        new.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self.folders):
            (new / Path(folder).relative_to(old)).mkdir(parents=True, exist_ok=True)
        for name, inode in self.names.items():
            path = new / Path(name).relative_to(old)
            if path.parent.is_dir():  # a name in a folder that is not there is lost with it
                path.write_bytes(self.files.get(inode, b""))
