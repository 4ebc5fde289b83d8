"""Property: every memory is one of its own: files of two of them are refused as they are, and what was deleted does not
come back, wherever a cut hits the making of its successor."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 8, "dim": 64, "hot": 4}
FILES = ("memory_slots.bin", "memory_index.bin", "memory_backup.bin")


def make(folder: Path, word: str) -> None:
    rng = np.random.default_rng(len(word))
    with n.opened(folder, n.config(**CONFIG)) as memory:
        for i in range(5):
            memory.teach(f"{word} {i}", *n.random_episode(rng, CONFIG["dim"]))


def test_every_memory_has_a_salt_of_its_own_in_every_copy(tmp_path: Path) -> None:
    salts = []
    for i in range(20):
        make(tmp_path / str(i), "thing")
        index, backup = ((tmp_path / str(i) / name).read_bytes() for name in FILES[1:])
        headers = (index[:32], backup[65536 : 65536 + 32], backup[:32])
        assert len(set(headers)) == 1
        salts.append(struct.unpack_from("<I", index, 20)[0])
    assert len(set(salts)) == 20 and 0 not in salts


@pytest.mark.parametrize("copied", [FILES[:2], FILES[1:2], FILES[2:]])
def test_files_of_two_memories_are_refused_and_stay_as_they_are(tmp_path: Path, copied: tuple[str, ...]) -> None:
    make(tmp_path / "a", "one")
    make(tmp_path / "b", "other")
    for name in copied:
        (tmp_path / "b" / name).write_bytes((tmp_path / "a" / name).read_bytes())
    before = {p.name: p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()}
    with pytest.raises(n.StoreError) as error:
        n.Memory(tmp_path / "b", n.config(**CONFIG))
    assert error.value.code == n.MIXED and "two memories" in str(error.value)
    assert {p.name: p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()} == before


def test_slots_of_another_memory_are_damage(tmp_path: Path) -> None:
    make(tmp_path / "a", "one")
    make(tmp_path / "b", "other")
    (tmp_path / "b" / FILES[0]).write_bytes((tmp_path / "a" / FILES[0]).read_bytes())
    with n.opened(tmp_path / "b", n.config(**CONFIG)) as memory:
        assert memory.report.kept == n.NEW_KEPT and memory.report.lost == 0
        assert set(memory.names().values()) == {f"other {i}" for i in range(5)}


def test_a_cut_while_a_memory_is_made_does_not_bring_the_deleted_one_back() -> None:
    """The new files get the clusters, and so the bytes, of the deleted ones."""
    cfg, rng = n.config(**CONFIG), np.random.default_rng(0)
    old = RamCard()
    memory = old.open(cfg)
    for i in range(5):
        memory.teach(f"deleted {i}", *n.random_episode(rng, CONFIG["dim"]))
    memory.close()
    deleted = {name: bytes(data) for name, data in old.files.items()}
    cut, finished = 0, False
    while not finished:
        cut += 1
        card = RamCard(seed=2)
        card.old_clusters, card.cut_at = dict(deleted), cut
        try:
            card.open(cfg)
            finished = True
        except n.StoreError:
            pass
        for keep in (lambda write: False, lambda write: True):
            after = card.cut(keep)
            opened = after.open(cfg)
            assert opened.names() == {} and opened.report.lost == 0, cut
            assert bytes(after.files["memory_index.bin"][:32]) != deleted["memory_index.bin"][:32]
    assert cut > 10
