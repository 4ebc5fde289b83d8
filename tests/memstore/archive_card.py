"""A card whose log fills it: the newest blocks are real, of the older ones the headers are made up as they are read."""

from __future__ import annotations

import ctypes as c
import struct
import zlib

import numpy as np

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

HEADERS = (("memory_index.bin", 0), ("memory_backup.bin", 65536), ("memory_backup.bin", 0))


class ArchiveCard(RamCard):
    """Counts what is read.

    Args:
      files: of the log, those that were written before `words` more words.
      words: acknowledged after them; the card is then cut, so that the newest ones stand in the log alone.
    """

    def __init__(self, cfg: n.Config, files: int, words: int) -> None:
        super().__init__()
        self.older = self.opens = self.sectors = 0
        self.open(cfg).close()
        self.do_remove(0, b"history/000000.bin")
        self._say_first(files)
        memory, rng = self.open(cfg), np.random.default_rng(0)
        for i in range(words):
            memory.teach(f"thing {i % 40}", *n.random_episode(rng, cfg.dim))
        self.files = {name: bytearray(data) for name, data in self.durable.items()}
        self.waiting = []
        self._say_first(0)
        self.older, self.opens, self.sectors = files, 0, 0
        self.identity = zlib.crc32(bytes(self.files["memory_index.bin"][:8]) + b"\1\0" + self._header()[10:32])
        self.file_blocks = struct.unpack_from("<I", self._header(), 52)[0]
        self.file_bytes = len(self.files[f"history/{files:06}.bin"])
        self.block_bytes = (self.file_bytes // 2 - 65536) // self.file_blocks

    def _header(self) -> bytes:
        return bytes(self.files["memory_index.bin"][:512])

    def _say_first(self, file: int) -> None:
        """The header names this file as the oldest one."""
        for name, at in HEADERS:
            for files in (self.files, self.durable):
                header = files[name][at : at + 512]
                header[56:60] = struct.pack("<I", file)
                files[name][at : at + 512] = n.seal(header)

    def _made_up(self, name: str) -> int:
        number = int(name[8:14]) if name.startswith("history/") else -1
        return number if 0 <= number < self.older else -1

    def do_open(self, context: int, name: bytes, mode: int, file: c._Pointer) -> int:
        self.opens += 1
        if self._made_up(name.decode()) < 0:
            return super().do_open(context, name, mode, file)
        self.names.append(name.decode())
        file[0] = len(self.names) - 1
        return n.OK

    def do_size(self, context: int, file: int, size: c._Pointer) -> int:
        if self._made_up(self.names[file]) < 0:
            return super().do_size(context, file, size)
        size[0] = self.file_bytes
        return n.OK

    def do_read(self, context: int, file: int, at: int, data: int, size: int) -> int:
        self.sectors += (size + 511) // 512
        number = self._made_up(self.names[file])
        if number < 0:
            return super().do_read(context, file, at, data, size)
        block, rest = divmod(at % (self.file_bytes // 2), self.block_bytes)
        sector = bytes(size)
        if not rest and block < self.file_blocks:
            block += number * self.file_blocks
            header = struct.pack("<8sIIQII", b"BITMARLG", block, self.identity, 0, 0xFFFFFFFF, int(not block))
            sector = n.seal(bytearray(header.ljust(512, b"\0")))
        c.memmove(data, sector, size)
        return size
