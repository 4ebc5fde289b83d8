"""Property: a picture has one canonical form, whichever way it comes in: the file, its .npy, the data's table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder, read_model
from bitmar.picture_source import PictureSource
from tests.bitmar import digests
from tests.bitmar.things import things


def seeing(kind: str) -> ModelFolder:
    """The fixture model, as if it were made for another kind of pictures."""
    model = read_model(digests.model())
    return dataclasses.replace(model, config={**model.config, "vision": kind})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the features of three drawings."""
    chosen = [thing.taught for thing in things(3)]
    (tmp_path / "features").mkdir()
    q, scale = np.stack([q for q, _ in chosen]), np.array([s for _, s in chosen], np.float32)
    np.savez(
        tmp_path / "features" / "lite0_128-noto.npz", ids=np.array(["1f353", "1f9f8", "2764-fe0f"]), q=q, scale=scale
    )
    return tmp_path


def test_a_drawing_of_the_data_is_found(data: Path) -> None:
    source = PictureSource(seeing("lite0_128"), data)
    for code, thing in zip(("1f353", "1F9F8", "2764-fe0f"), things(3), strict=True):
        found = source.read(f"noto/{code}")
        assert np.array_equal(found.q, thing.taught[0]) and found.scale == thing.taught[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [("noto/1f000", "has 3 pictures, not this one"), ("mono/1f353", "'mono' is unknown, found: noto")],
)
def test_a_drawing_that_is_not_there_is_named(name: str, message: str, data: Path) -> None:
    with pytest.raises(BitmarError, match=message):
        PictureSource(seeing("lite0_128"), data).read(name)


def test_a_damaged_table_is_named(data: Path) -> None:
    file = data / "features" / "lite0_128-noto.npz"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(BitmarError, match=r"lite0_128-noto\.npz: broken"):
        PictureSource(seeing("lite0_128"), data).read("noto/1f353")


def test_quantising_again_changes_nothing(tmp_path: Path) -> None:
    for i, thing in enumerate(things(20)):
        q, scale = thing.taught
        np.save(tmp_path / f"{i}.npy", (q.astype(np.float32) * scale)[None])
        assert np.array_equal(PictureSource(seeing("file")).read(str(tmp_path / f"{i}.npy")).q, q)


def test_an_image_file_is_seen(tmp_path: Path) -> None:
    """A drawing on transparency, on white, moved and scaled: nearly the same numbers; another drawing: other numbers."""
    source = PictureSource(seeing("thumb16"))

    def draw(name: str, size: int, at: int, background: tuple, shape: str) -> np.ndarray:
        image = Image.new("RGBA", (size, size), background)
        box = (at, at, at + size // 2, at + size // 2)
        getattr(ImageDraw.Draw(image), shape)(box, fill=(200, 20, 30, 255))
        image.save(tmp_path / name)
        return source.read(str(tmp_path / name)).features()[0]

    clear = draw("clear.png", 200, 10, (0, 0, 0, 0), "ellipse")
    white = draw("white.png", 400, 150, (255, 255, 255, 255), "ellipse")
    other = draw("other.png", 200, 10, (0, 0, 0, 0), "rectangle")
    assert np.abs(clear - white).mean() < 0.1 < np.abs(clear - other).mean() + 0.05


def test_vision_is_loaded_where_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    nowhere = dataclasses.replace(seeing("lite0_128"), path=tmp_path)
    with pytest.raises(BitmarError, match=r"vision\.tflite is missing, expected in"):
        PictureSource(nowhere, tmp_path).read(str(tmp_path / "a.png"))
    with pytest.raises(BitmarError, match=r"takes \.npy files of 768 numbers only"):
        PictureSource(seeing("file"), tmp_path).read(str(tmp_path / "a.png"))
