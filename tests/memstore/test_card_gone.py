"""Property: a word is saved only if it is where the card's path leads: a folder that was deleted or renamed, or a card that
was changed, under an open memory is `no card`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def rename_the_card(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("other"))


def change(folder: Path) -> None:
    """Another card in its place."""
    folder.rename(folder.with_name("elsewhere"))
    shutil.copytree(folder.with_name("elsewhere"), folder)


def delete_one_file(folder: Path) -> None:
    (folder / "memory_slots.bin").unlink()


@pytest.mark.parametrize("how", [delete, rename, rename_the_card, change, delete_one_file])
def test_nothing_is_saved_on_a_card_that_is_gone(tmp_path: Path, how) -> None:
    folder, rng = tmp_path / "card" / "bitmar_memory", np.random.default_rng(0)
    folder.parent.mkdir()
    memory = n.Memory(folder)
    memory.teach("before", *n.random_episode(rng))
    how(folder)
    for _ in range(2):
        with pytest.raises(n.StoreError) as error:
            memory.teach("after", *n.random_episode(rng))
        assert error.value.code == n.NO_CARD
    assert list(memory.names().values()) == ["before"]
    assert memory.read(0).any(), "what is in RAM can still be asked"
    with pytest.raises(n.StoreError) as error:
        memory.close()
    assert error.value.code == n.NO_CARD


def test_a_folder_that_comes_back_is_written_again(tmp_path: Path) -> None:
    folder, rng = tmp_path / "bitmar_memory", np.random.default_rng(1)
    with n.opened(folder) as memory:
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(n.StoreError):
            memory.teach("a", *n.random_episode(rng))
        (tmp_path / "elsewhere").rename(folder)
        memory.teach("b", *n.random_episode(rng))
    with n.opened(folder) as memory:
        assert set(memory.names().values()) == {"b"} and memory.report.kept == n.CLEAN


def test_the_metadata_may_be_replaced_by_anyone(tmp_path: Path) -> None:
    """It is derived: an editor that writes a new file in its place disturbs nothing."""
    folder, rng = tmp_path / "bitmar_memory", np.random.default_rng(2)
    with n.opened(folder) as memory:
        (folder / "memory_metadata.json").unlink()
        (folder / "memory_metadata.json").write_text("{}")
        memory.teach("a", *n.random_episode(rng))
    assert '"name": "a"' in (folder / "memory_metadata.json").read_text()
