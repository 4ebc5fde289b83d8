"""Property: every state that was taken can be listed, found by time and made the memory's content again, whole; a million
states are opened in O(log n) reads."""

from __future__ import annotations

import ctypes
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.archive import CONFIG, MARGIN, STATE_BYTES, config, count, find, info
from tests.memstore.reader import read_memory


def test_states_are_taken_found_and_restored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder, states = tmp_path / "m", []
    for session in range(3):  # over several files and several sessions
        with n.opened(folder, config()) as memory:
            assert count(memory) == 4 * session
            for _ in range(4):
                memory.lib.ms_set_time(memory.handle, 1000 + 10 * len(states))
                memory.teach(f"thing {len(states)}", *n.random_episode(rng))
                memory.call("snapshot", None)
                states.append([memory.info(s).name for s in range(8)] + [read_memory(folder).state()])
    assert sorted(p.name for p in (folder / "states").iterdir()) == ["000000.bin", "000001.bin", "000002.bin"]
    with n.opened(folder, config()) as memory:
        for number in rng.permutation(12).tolist():
            assert info(memory, number).time == 1000 + 10 * number
            assert info(memory, number).valid
            assert find(memory, 1000 + 10 * number + 5) == number
            memory.call("restore", ctypes.c_uint32(number))
            assert [memory.info(s).name for s in range(8)] == states[number][:8]
            assert read_memory(folder).state() == states[number][8]
        assert find(memory, 999) is None
        for call in (lambda: info(memory, 12), lambda: memory.call("restore", ctypes.c_uint32(12))):
            with pytest.raises(n.StoreError) as error:
                call()
            assert error.value.code in (n.NOT_FOUND, n.DAMAGED)
        assert memory.verify().kept == n.CLEAN


def test_a_damaged_state_is_not_restored_and_the_others_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    folder = tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(4):
            memory.teach(f"thing {i}", *n.random_episode(rng))
            memory.call("snapshot", None)
    path = folder / "states" / "000000.bin"
    raw = bytearray(path.read_bytes())
    raw[MARGIN + STATE_BYTES + 700] ^= 1  # state 1's body
    raw[MARGIN + 2 * STATE_BYTES + 20] ^= 1  # state 2's header
    path.write_bytes(raw)
    before = read_memory(folder).state()
    with n.opened(folder, config()) as memory:
        assert count(memory) == 4
        assert [info(memory, i).valid for i in range(4)] == [1, 0, 0, 1]
        for number in (1, 2):
            with pytest.raises(n.StoreError) as error:
                memory.call("restore", ctypes.c_uint32(number))
            assert error.value.code == n.DAMAGED
        assert read_memory(folder).state() == before
        memory.call("restore", ctypes.c_uint32(0))
        assert memory.names() == {0: "thing 0"}


def test_a_million_states_in_a_sparse_file_open_in_logarithmic_time(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    per_file = 800_000  # 3.7 GB: under FAT32's limit
    cfg = n.config(**CONFIG, segment_bytes=2 * MARGIN + per_file * STATE_BYTES)
    with n.opened(folder, cfg) as memory:
        memory.lib.ms_set_time(memory.handle, 5)
        memory.teach("first", *n.random_episode(np.random.default_rng(0)))
    identity = (folder / "memory_index.bin").read_bytes()[:32]
    (folder / "states").mkdir()
    total = 1_000_003

    def header(number: int) -> bytes:
        fields = struct.pack("<8sIIQIII", b"BITMARST", number, 10 + number // 7, 5 + number, 1, 0, zlib.crc32(identity))
        body = fields.ljust(508, b"\0")
        return body + struct.pack("<I", zlib.crc32(body))

    class Sparse:
        """Only the headers that a search may look at are written: all would take minutes."""

        def __init__(self) -> None:
            self.files = [(folder / "states" / f"{i:06d}.bin").open("w+b") for i in range(2)]
            for file in self.files:
                file.truncate(2 * MARGIN + per_file * STATE_BYTES)

        def write(self, number: int) -> None:
            file = self.files[number // per_file]
            file.seek(MARGIN + number % per_file * STATE_BYTES)
            file.write(header(number))

    sparse = Sparse()
    probes = {0, *range(total - 200, total)}
    low, high = 0, 1
    while high < total:  # the numbers that doubling and halving reach
        probes |= {high - 1}
        low, high = high, 2 * high
    while low + 1 < high:
        middle = (low + high) // 2
        probes.add(middle - 1)
        low, high = (middle, high) if middle <= total else (low, middle)
    at_times = [10, 11, 10 + 500_000 // 7, 10 + 900_000 // 7]
    for time in at_times:  # and those that a search by time reaches
        low, high = 0, total
        while low < high:
            middle = (low + high) // 2
            probes.add(middle)
            low, high = (middle + 1, high) if 10 + middle // 7 <= time else (low, middle)
    for number in sorted(p for p in probes if p < total):
        sparse.write(number)
    for file in sparse.files:
        file.close()
    with n.opened(folder, cfg) as memory:
        memory.lib.ms_reset_stats(memory.handle)
        assert count(memory) == total
        reads = memory.stats().sectors_read
        assert reads < 40 * 49, reads
        for time in at_times:
            assert find(memory, time) == min(total - 1, 7 * (time - 10) + 6)
        assert info(memory, total - 1).time == 10 + (total - 1) // 7


def test_how_many_states_fit_a_card() -> None:
    lib = n.library()
    cases = {"ultra_tiny": (8, 128, 4), "tiny_edge": (16, 128, 8), "original": (512, 256, 512)}
    fit = {
        k: lib.ms_history_capacity(ctypes.byref(n.config(*v, segment_bytes=1 << 30)), 16 * 10**9)
        for k, v in cases.items()
    }
    assert fit["ultra_tiny"] > 3_200_000 and fit["tiny_edge"] > 1_700_000 and fit["original"] > 28_000


def test_ram_alone_has_no_history() -> None:
    with n.opened(None, config()) as memory, pytest.raises(n.StoreError) as error:
        memory.call("snapshot", None)
    assert error.value.code == n.NO_CARD
