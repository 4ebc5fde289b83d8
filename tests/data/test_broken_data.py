"""Property: a data folder that was damaged is one error that names the file; loading it changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data.build import Builder
from model.data.files import Stamps, check_file, check_folder
from model.data.pictograms import load_dataset


def table(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """A change of pictograms.json."""

    def damage(data: Path) -> None:
        values = json.loads((data / "pictograms.json").read_text())
        change(values)
        (data / "pictograms.json").write_text(json.dumps(values))

    return damage


def arrays(**changed: np.ndarray) -> Callable[[Path], object]:
    """A change of one set's features."""

    def damage(data: Path) -> None:
        path = data / "features/lite0_128-noto.npz"
        with np.load(path) as file:
            whole = dict(file)
        np.savez(path, **(whole | changed))

    return damage


def save_other_views(path: Path) -> None:
    """The same views, each said to be of another drawing."""
    with np.load(path) as archive:
        views = dict(archive)
    np.savez(path, **views | {"ids": np.roll(views["ids"], 2)})


DAMAGES = {
    "a list": (lambda d: (d / "pictograms.json").write_text("[1]"), "pictograms.json: the whole"),
    "nesting": (lambda d: (d / "pictograms.json").write_text("[" * 100_000), "pictograms.json: not JSON"),
    "not UTF-8": (lambda d: (d / "pictograms.json").write_bytes(b'"\xff"'), "pictograms.json: not JSON"),
    "a folder": (lambda d: [(d / "pictograms.json").unlink(), (d / "pictograms.json").mkdir()], "Is a directory"),
    "no sets": (table(lambda t: t.update(sets={})), "pictograms.json: sets"),
    "another role": (table(lambda t: t["sets"].update(noto="x")), "pictograms.json: sets.noto"),
    "a missing key": (table(lambda t: t["concepts"][2].pop("gloss")), "pictograms.json: concepts.2.gloss"),
    "a number for a name": (table(lambda t: t["concepts"][0].update(name=3)), "pictograms.json: concepts.0.name"),
    "a concept gone": (table(lambda t: t["concepts"].pop(0)), "which pictograms.json does not have"),
    "no features": (lambda d: (d / "features/lite0_128-noto.npz").unlink(), "lite0_128-noto.npz is missing"),
    "broken features": (lambda d: (d / "features/lite0_128-noto.npz").write_bytes(b"PK"), "lite0_128-noto.npz: broken"),
    "another array": (
        arrays(more=np.zeros(3)),
        "lite0_128-noto.npz: arrays ids, q, scale, more, expected ids, q, scale",
    ),
    "another type": (arrays(q=np.zeros((3, 768))), "lite0_128-noto.npz: arrays of unexpected type"),
    "a scalar": (arrays(ids=np.array("a")), "lite0_128-noto.npz: arrays of unexpected type"),
    "an infinite scale": (
        arrays(ids=np.array(["a"]), q=np.zeros((1, 768), np.int8), scale=np.full(1, np.inf)),
        "finite",
    ),
    "no camera views": (lambda d: (d / "features/camera-twemoji.npz").unlink(), "camera-twemoji.npz is missing"),
    "views of other drawings": (
        lambda d: save_other_views(d / "features/camera-twemoji.npz"),
        "camera-twemoji.npz: not the views of this data's drawings",
    ),
    "phrases": (lambda d: (d / "phrases.txt").write_bytes(b"\xff\n"), "phrases.txt: cannot be read"),
    "writing": (lambda d: (d / "writing.json").write_text('{"person": [1]}'), "writing.json: expected lists of texts"),
    "a kind gone": (
        lambda d: (d / "writing.json").write_text('{"person": ["Ada"]}'),
        "writing.json: expected lists of",
    ),
    "no writing": (lambda d: (d / "writing.json").unlink(), "writing.json is missing"),
    "no phrases": (lambda d: (d / "phrases.txt").unlink(), "phrases.txt is missing"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_data(small: Builder, config: BitMarConfig, tmp_path: Path, case: str) -> None:
    damage, message = DAMAGES[case]
    folder = Path(shutil.copytree(small.data_dir, tmp_path / "data"))
    damage(folder)
    with pytest.raises(BitmarError) as error:
        load_dataset(config, folder, "final")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_broken_stamps_are_no_stamps(tmp_path: Path) -> None:
    (tmp_path / "stamps.json").write_text("[1, 2]")
    assert Stamps(tmp_path).step("step", "key", [], lambda: None)


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "a/b/c"):
        check_folder(path)
    check_file(tmp_path / "a/file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["/proc/x", "/dev/null", "/dev/null/x", "x" * 300, "/sys/x/y"])
def test_a_folder_that_cannot(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for check, place in ((check_folder, Path(path)), (check_file, Path(path) / "file")):
        with pytest.raises(BitmarError, match="expected a folder that can be written"):
            check(place)
    assert not list(tmp_path.iterdir())
