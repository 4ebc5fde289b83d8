"""Property: a card of every version of the format and of every shape, whole or as a power cut left it, opens in this version
with everything that was on it; looking changes no byte, and the next write works. The cards are in cards/; make_cards.py
adds those of a new version."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.make_cards import CARDS, contents, shape_of

NAMES = sorted(p.stem for p in CARDS.glob("*.zip"))


@pytest.fixture(params=NAMES)
def card(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict]:
    """A folder with the card's files, and what is expected of it."""
    with zipfile.ZipFile(CARDS / f"{request.param}.zip") as archive:
        expected = json.loads(archive.read("expected.json"))
        for name in archive.namelist():
            if name == "expected.json":
                continue
            path = tmp_path / "memory" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    return tmp_path / "memory", expected


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_there_are_cards_of_every_version() -> None:
    versions = {int(name[1:].split("_")[0]) for name in NAMES}
    assert versions == set(range(1, max(versions) + 1)) and len(NAMES) >= 9


def test_everything_is_there(card: tuple[Path, dict]) -> None:
    folder, expected = card
    with n.opened(folder, shape_of(expected["config"])) as memory:
        assert memory.report.lost == 0
        assert contents(memory) == expected["contents"]


def test_looking_changes_nothing(card: tuple[Path, dict]) -> None:
    folder, expected = card
    before = files(folder)
    with n.opened(folder, shape_of(expected["config"]), flags=1) as memory:
        assert contents(memory) == expected["contents"]
    assert files(folder) == before


def test_the_next_write_works(card: tuple[Path, dict]) -> None:
    folder, expected = card
    kwargs = expected["config"]
    episode, key = n.random_episode(np.random.default_rng(1), kwargs["dim"])
    with n.opened(folder, shape_of(kwargs)) as memory:
        slot = memory.teach("the next one", episode, key, importance=9).slot
        after = contents(memory)
    assert {s: v for s, v in after.items() if int(s) != slot} == {
        s: v for s, v in expected["contents"].items() if int(s) != slot
    }
    with n.opened(folder, shape_of(kwargs)) as memory:
        assert memory.report.kept == n.CLEAN and contents(memory) == after
