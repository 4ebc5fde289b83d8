"""The history as tests call it."""

from __future__ import annotations

import ctypes

import numpy as np

from tests.memstore import native as n

CONFIG = {"slots": 8, "dim": 128, "hot": 4}
MARGIN = 65536
BLOCK = 128 + 8  # sectors of a block's entries and keyframe, CONFIG; one more is its header
BLOCK_BYTES = (1 + BLOCK) * 512


def config(blocks_per_file: int = 2, **more) -> n.Config:
    return n.config(**CONFIG, segment_bytes=2 * MARGIN + 2 * blocks_per_file * BLOCK_BYTES, **more)


def bounds(memory: n.Memory) -> tuple[int, int]:
    """The oldest and the newest state."""
    oldest, newest = ctypes.c_uint32(), ctypes.c_uint32()
    memory.call("history_range", ctypes.byref(oldest), ctypes.byref(newest))
    return oldest.value, newest.value


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


def undo(memory: n.Memory, writes: int = 1) -> int:
    value = ctypes.c_uint32()
    memory.call("undo", ctypes.c_uint32(writes), ctypes.byref(value))
    return value.value


def differences(memory: n.Memory, number: int, other: int) -> dict[int, tuple[str, str]]:
    """Slots that differ between two states, with the names in both."""
    memory.call("diff", ctypes.c_uint32(number), ctypes.c_uint32(other))
    found = {}
    for slot in range(memory.config.slots):
        names = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
        if memory.call("diff_slot", ctypes.c_uint32(slot), *names):
            found[slot] = tuple(name.value.decode() for name in names)
    return found


def content(memory: n.Memory) -> list[tuple[str, bytes]]:
    """Names and numbers of all slots in use."""
    return [(name, memory.read(slot).tobytes()) for slot, name in memory.names().items()]


def teach(memory: n.Memory, rng: np.random.Generator, name: str, time: int = 0) -> None:
    memory.lib.ms_set_time(memory.handle, ctypes.c_uint32(time))
    memory.teach(name, *n.random_episode(rng, memory.config.dim))
