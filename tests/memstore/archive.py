"""The archive of states/ as tests call it."""

from __future__ import annotations

import ctypes
import struct
import zlib

import numpy as np

from tests.memstore import native as n

CONFIG = {"slots": 8, "dim": 128, "hot": 4}
STATE_BYTES = 512 + 4 * 512 + 4 * 512  # of CONFIG
MARGIN = 65536


def config(states_per_file: int = 5) -> n.Config:
    return n.config(**CONFIG, segment_bytes=2 * MARGIN + states_per_file * STATE_BYTES)


def count(memory: n.Memory) -> int:
    value = ctypes.c_uint32()
    memory.call("history_count", ctypes.byref(value))
    return value.value


def info(memory: n.Memory, number: int) -> n.State:
    state = n.State()
    memory.call("history_info", ctypes.c_uint32(number), ctypes.byref(state))
    return state


def find(memory: n.Memory, time: int) -> int | None:
    value = ctypes.c_uint32()
    try:
        memory.call("history_find", ctypes.c_uint32(time), ctypes.byref(value))
    except n.StoreError as error:
        assert error.code == n.NOT_FOUND
        return None
    return value.value


def restore(memory: n.Memory, number: int) -> None:
    memory.call("restore", ctypes.c_uint32(number))


def take(memory: n.Memory, rng: np.random.Generator, name: str, time: int = 0) -> int:
    """Teach one thing and archive the state; its number."""
    number = ctypes.c_uint32()
    memory.lib.ms_set_time(memory.handle, ctypes.c_uint32(time))
    memory.teach(name, *n.random_episode(rng, memory.config.dim))
    memory.call("snapshot", ctypes.byref(number))
    return number.value


def seal(sector: bytearray) -> bytes:
    """A header sector with its CRC made right."""
    struct.pack_into("<I", sector, 508, zlib.crc32(sector[:508]))
    return bytes(sector)
