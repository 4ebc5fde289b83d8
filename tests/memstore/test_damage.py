"""Property: any flipped bit in any file is repaired from the other copy, and said; where both copies are hit, exactly
the slots hit are named and every other one is intact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.reader import read_memory

MARGIN = 65536


def make(folder: Path, cfg: n.Config, episodes: int) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    with n.opened(folder, cfg) as memory:
        for i in range(episodes):
            memory.teach(f"name {i}", *n.random_episode(rng, cfg.dim))
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def put(folder: Path, files: dict[str, bytes]) -> None:
    (folder / "history").mkdir(exist_ok=True)
    for name, content in files.items():
        if not (folder / name).exists() or (folder / name).read_bytes() != content:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize(("slots", "dim", "hot", "dtype"), [(8, 128, 4, 0), (16, 128, 8, 0), (5, 64, 2, 1)])
def test_any_single_flipped_bit(tmp_path: Path, slots: int, dim: int, hot: int, dtype: int) -> None:
    cfg = n.config(slots, dim, hot, slot_dtype=dtype)
    folder = tmp_path / "m"
    files = make(folder, cfg, slots - 2)
    state = read_memory(folder).state()
    rng = np.random.default_rng(slots)
    for name, content in files.items():
        if name.startswith("history"):
            continue  # has a test of its own
        spots = list(range(0, 512, 37)) + [MARGIN + i for i in range(0, 512, 37)] * (name == "memory_backup.bin")
        spots += rng.integers(0, len(content), 60).tolist()
        if name == "memory_backup.bin":
            spots += (MARGIN + rng.integers(0, len(content) - 2 * MARGIN, 60)).tolist()
        for at in (spot for spot in spots if spot < len(content)):
            damaged = bytearray(content)
            damaged[at] ^= 1 << int(rng.integers(8))
            put(folder, files)
            with n.opened(folder, cfg) as memory:  # the flip happens under an open memory
                (folder / name).write_bytes(damaged)
                report = memory.verify()
            empty = name == "memory_backup.bin" and (512 <= at < MARGIN or at >= len(content) - MARGIN)
            repaired = report.primary_repaired + report.mirror_repaired + report.metadata_repaired
            assert repaired == (0 if empty else 1), (name, at)
            assert report.lost == 0
            if not empty:
                assert (folder / name).read_bytes() == content
            assert read_memory(folder).state() == state


def test_damage_to_both_copies_names_what_is_lost(tmp_path: Path) -> None:
    cfg = n.config(16, 128, 8)
    folder = tmp_path / "m"
    files = make(folder, cfg, 14)
    index_bytes = len(files["memory_index.bin"])
    expected = {
        r.slot: (r.name, c)
        for r, c in zip(*(lambda m: (m.records, m.contents))(read_memory(folder)), strict=True)
        if r.state == 1
    }
    rng = np.random.default_rng(1)
    for _ in range(150):
        victims = set(rng.choice(14, size=rng.integers(1, 5), replace=False).tolist())
        broken = {name: bytearray(content) for name, content in files.items()}
        readable = set()
        for slot in victims:
            if rng.random() < 0.5:  # both copies of the slot: the record still tells its name
                readable.add(slot)
                spots = [("memory_slots.bin", slot * 256), ("memory_backup.bin", MARGIN + index_bytes + slot * 256)]
            else:
                at = 512 + slot * 256
                spots = [("memory_index.bin", at), ("memory_backup.bin", MARGIN + at)]
            for name, at in spots:
                broken[name][at + int(rng.integers(256))] ^= 1 << int(rng.integers(8))
        put(folder, {name: bytes(content) for name, content in broken.items()})
        with n.opened(folder, cfg, flags=1) as memory:  # the history has them still
            assert memory.report.lost == 0 and memory.report.from_history <= len(victims)
            assert memory.names() == {s: name for s, (name, _) in expected.items()}
        n.forget_history(folder)
        with n.opened(folder, cfg) as memory:
            report = memory.report
            assert set(report.lost_slots[: report.lost]) == victims
            for i in range(report.lost):
                slot = report.lost_slots[i]
                assert report.lost_names[i].value.decode() == (expected[slot][0] if slot in readable else "")
            assert memory.names() == {s: name for s, (name, _) in expected.items() if s not in victims}
            for slot in memory.names():
                assert memory.read(slot).astype(np.float16).tobytes() == expected[slot][1]
            memory.teach("next", *n.random_episode(rng))
        assert "next" in {r.name for r in read_memory(folder).records}


def test_cross_damage_is_merged(tmp_path: Path) -> None:
    """A record of the mirror and a slot of the primary files, in one sector and in others: nothing is lost."""
    folder, cfg = tmp_path / "m", n.config(8, 128, 4)
    files = make(folder, cfg, 8)
    state = read_memory(folder).state()
    rng = np.random.default_rng(2)
    for _ in range(60):
        broken = {name: bytearray(content) for name, content in files.items()}
        slot, other = rng.choice(8, 2, replace=False).tolist()
        broken["memory_slots.bin"][slot * 256 + 5] ^= 1
        broken["memory_backup.bin"][MARGIN + 512 + slot * 256 + 5] ^= 1
        broken["memory_index.bin"][512 + other * 256 + 130] ^= 4
        put(folder, {name: bytes(content) for name, content in broken.items()})
        with n.opened(folder, cfg) as memory:
            assert memory.report.kept == n.MERGED and memory.report.lost == 0
        assert read_memory(folder).state() == state


def test_a_damaged_slot_is_never_answered_silently(tmp_path: Path) -> None:
    folder, cfg = tmp_path / "m", n.config(8, 128, 1)
    files = make(folder, cfg, 8)
    at = MARGIN + len(files["memory_index.bin"])
    with n.opened(folder, cfg) as memory:
        good = memory.read(2)
        memory.read(7)  # the only hot slot
        with (folder / "memory_slots.bin").open("r+b") as f:
            f.seek(2 * 256)
            f.write(b"\xff" * 256)
        assert np.array_equal(memory.read(2), good) and memory.stats().corrected == 1
        memory.read(7)
        with (folder / "memory_backup.bin").open("r+b") as f:
            f.seek(at + 2 * 256)
            f.write(b"\xff" * 256)
        assert np.array_equal(memory.read(2), good), "from the history"
        memory.read(7)
        with (folder / "history" / "000000.bin").open("r+b") as f:
            f.write(bytes((folder / "history" / "000000.bin").stat().st_size))
        with pytest.raises(n.StoreError) as error:
            memory.read(2)
        assert error.value.code == n.DAMAGED
        report = memory.verify()
        assert report.lost == 1 and report.lost_slots[0] == 2
        memory.teach("new", *n.random_episode(np.random.default_rng(0)))
