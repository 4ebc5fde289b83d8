"""A card in Python for faults that a file system cannot be made to have: barriers that fail as Linux's do, sectors that
cannot be read, cuts, new files on the clusters of deleted ones."""

from __future__ import annotations

import ctypes as c
import random
from collections.abc import Callable

from tests.memstore import native as n

REGION = 65536
SIGNATURES = {
    "lock": (c.c_int,),
    "unlock": (None,),
    "open": (c.c_int, c.c_char_p, c.c_int, c.POINTER(c.c_int32)),
    "close": (c.c_int, c.c_int32),
    "size": (c.c_int, c.c_int32, c.POINTER(c.c_uint64)),
    "preallocate": (c.c_int, c.c_int32, c.c_uint64, c.c_int),
    "read": (c.c_int32, c.c_int32, c.c_uint64, c.c_void_p, c.c_uint32),
    "write": (c.c_int32, c.c_int32, c.c_uint64, c.c_void_p, c.c_uint32),
    "sync": (c.c_int,),
    "micros": (c.c_uint32,),
    "remove": (c.c_int, c.c_char_p),
    "random": (c.c_uint32,),
}


class RamCard:
    """Files with two contents: `files` is what a program reads back, `durable` what a power cut leaves.

    A write reaches `durable` at the next good barrier; a barrier that fails drops what was written since the last one,
    though it can still be read (fsyncgate). Names and lengths are durable at once.

    Attributes:
      fail_sync: asked at every barrier with its number (from 1): True makes it fail.
      failed_keeps: what a failed barrier covered is durable all the same.
      unreadable: (file, sector) that give MS_E_IO.
      cut_at: number of the write in which the power goes (from 1, 0: none): the 64 KB region around it is garbage,
        nothing works from then on.
      room: bytes that still fit.
    """

    def __init__(self, seed: int = 1) -> None:
        self.files: dict[str, bytearray] = {}
        self.durable: dict[str, bytearray] = {}
        self.waiting: list[tuple[str, int, bytes]] = []
        self.names: list[str] = []  # of handles
        self.barriers = 0
        self.fail_sync: Callable[[int], bool] = lambda number: False
        self.failed_keeps = False
        self.unreadable: set[tuple[str, int]] = set()
        self.cut_at, self.writes, self.dead = 0, 0, False
        self.old_clusters: dict[str, bytes] = {}  # what a file's clusters held before it was made
        self.room = 1 << 40
        self.salts = random.Random(seed)
        self.log: list[tuple[str, int, bytes] | None] = []  # every write; None: a barrier
        self.calls = {name: c.CFUNCTYPE(kinds[0], c.c_void_p, *kinds[1:])(getattr(self, f"do_{name}"))
                      for name, kinds in SIGNATURES.items()}  # fmt: skip
        self.port = n.Port(**{name: c.cast(call, c.c_void_p) for name, call in self.calls.items()})

    def open(self, cfg: n.Config | None = None, flags: int = 0) -> n.Memory:
        self.names = []
        return n.Memory(None, cfg, flags, port=self.port)

    def cut(
        self, keep: Callable[[tuple[str, int, bytes]], bool] = lambda write: False, torn_at: int | None = None
    ) -> RamCard:
        """The card after the power was cut: of the writes behind the last barrier those that `keep` names, of each sector
        no more than its first `torn_at` bytes."""
        after = RamCard(self.salts.randrange(1 << 30))
        after.durable = {name: bytearray(data) for name, data in self.durable.items()}
        for name, at, data in self.waiting:
            if name in after.durable and keep((name, at, data)):
                piece = data[:torn_at]
                after.durable[name][at : at + len(piece)] = piece
        after.files = {name: bytearray(data) for name, data in after.durable.items()}
        return after

    def put(self, name: str, data: bytes) -> None:
        self.files[name], self.durable[name] = bytearray(data), bytearray(data)

    # --- the port

    def do_lock(self, _: int) -> int:
        return n.OK

    def do_unlock(self, _: int) -> None:
        pass

    def do_open(self, _: int, name: bytes, mode: int, file: c._Pointer) -> int:
        name = name.decode()
        if name not in self.files:
            if mode != 2:
                return n.NOT_FOUND
            self.put(name, b"")
        self.names.append(name)
        file[0] = len(self.names) - 1
        return n.OK

    def do_close(self, _: int, file: int) -> int:
        return n.OK

    def do_size(self, _: int, file: int, size: c._Pointer) -> int:
        size[0] = len(self.files[self.names[file]])
        return n.OK

    def do_preallocate(self, _: int, file: int, size: int, zeroed: int) -> int:
        name = self.names[file]
        more = size - len(self.files[name])
        if more > self.room:
            return n.CARD_FULL
        self.room -= more
        for content in (self.files[name], self.durable[name]):
            old = self.old_clusters.get(name, b"") if not zeroed else b""
            fresh = (old + bytes(size))[len(content) : size]
            content[:] = (content + fresh)[:size]
        return n.OK

    def do_read(self, _: int, file: int, at: int, data: int, size: int) -> int:
        name = self.names[file]
        if self.dead or (name, at // 512) in self.unreadable:
            return n.IO
        piece = bytes(self.files[name][at : at + size])
        c.memmove(data, piece, len(piece))
        return len(piece)

    def do_write(self, _: int, file: int, at: int, data: int, size: int) -> int:
        name, piece = self.names[file], c.string_at(data, size)
        assert at % 512 == 0 and at + size <= len(self.files[name]), "a write that is no sector of the file"
        self.writes += 1
        if self.writes == self.cut_at:
            self.dead, content = True, self.durable[name]
            start, end = at // REGION * REGION, min(at // REGION * REGION + REGION, len(content))
            content[start:end] = self.salts.randbytes(end - start)
        if self.dead:
            return n.NO_CARD
        self.files[name][at : at + size] = piece
        self.waiting.append((name, at, piece))
        self.log.append((name, at, piece))
        return size

    def do_sync(self, _: int) -> int:
        self.barriers += 1
        if self.dead:
            return n.NO_CARD
        failed = self.fail_sync(self.barriers)
        for name, at, piece in self.waiting:
            if name in self.durable and (not failed or self.failed_keeps):
                self.durable[name][at : at + len(piece)] = piece
        self.waiting = []
        if failed:
            return n.IO
        self.log.append(None)
        return n.OK

    def do_micros(self, _: int) -> int:
        return 0

    def do_remove(self, _: int, name: bytes) -> int:
        name = name.decode()
        if name not in self.files:
            return n.NOT_FOUND
        self.old_clusters[name] = bytes(self.files.pop(name))
        self.durable.pop(name)
        self.waiting = [write for write in self.waiting if write[0] != name]
        return n.OK

    def do_random(self, _: int) -> int:
        return self.salts.randrange(1, 1 << 32)
