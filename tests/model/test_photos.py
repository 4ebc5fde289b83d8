"""Property: photographed things are asked for by other pictures than they were taught by, and the figures follow the features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitmar.errors import BitmarError
from model.data import photos
from model.data.dataset import Dataset
from model.data.features import Features
from model.data.photos import VIEWS, compute, load, photograph, views
from model.evaluation.machine import Encoded
from model.evaluation.photos import CUTOUT, ROWS, photo_rows

THINGS, RIGHT = 40, 768


def cut_out(seed: int, colours: bool = True) -> Image.Image:
    """A round thing of many colours, or of one, on nothing."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 6, 3) if colours else (1, 1, 3)).astype(np.uint8))
    image = small.resize((120, 100), Image.Resampling.BICUBIC)
    y, x = np.mgrid[-1:1:100j, -1:1:120j]
    image.putalpha(Image.fromarray((255 * (x * x + y * y < 0.9)).astype(np.uint8)))
    return image


class Sees:
    """A machine whose key is the picture's first numbers."""

    def encode(self, tokens: list[list[int]], pictures: np.ndarray) -> Encoded:
        return Encoded(*[pictures[:, :32]] * 4)


def dataset() -> Dataset:
    """Two drawings of each of 40 things: enough for a discriminant."""
    random = np.random.default_rng(0)
    things = random.normal(size=(THINGS, RIGHT)).repeat(2, 0) + 0.1 * random.normal(size=(2 * THINGS, RIGHT))
    q = np.clip(np.rint(things * 30), -127, 127).astype(np.int8)
    from model.data.dataset import Concept

    concepts = tuple(Concept(str(i), str(i), (), "", "", str(i), False) for i in range(THINGS))
    concept, sets = np.arange(THINGS, dtype=np.int32).repeat(2), np.zeros(2 * THINGS, np.int32)
    nothing = (np.zeros((2 * THINGS, 2), np.int32) - 1, np.zeros((0, RIGHT), np.int8), np.zeros(0, np.float32))
    scale = np.full(2 * THINGS, 1 / 30, np.float32)
    return Dataset("final", concepts, ("a",), ("train",), ("a",), concept, sets, q, scale, (), {}, *nothing)


def seen(noise: np.ndarray) -> Features:
    """THINGS things; `noise` [VIEWS]: how far each view is from its thing."""
    random = np.random.default_rng(1)
    things = random.normal(size=(THINGS, 1, RIGHT)) + noise[:, None] * random.normal(size=(THINGS, VIEWS, RIGHT))
    q = np.clip(np.rint(things.reshape(-1, RIGHT) * 20), -127, 127).astype(np.int8)
    return Features(np.arange(THINGS).repeat(VIEWS).astype(str), q, np.full(len(q), 0.05, np.float32))


def test_a_row_asks_other_views_than_it_teaches() -> None:
    assert all(asked not in taught for taught, asked in ROWS.values())
    clear = photo_rows(Sees(), dataset(), seen(np.zeros(VIEWS)), 200, 3)
    assert all(row["slot"] == row["nearest"] == row["high"] == 1 and row["things"] == THINGS for row in clear.values())
    noise = np.full(VIEWS, 3.0)
    noisy = photo_rows(Sees(), dataset(), seen(noise), 2000, 3)
    assert noisy["camera_camera"]["slot"] < noisy["camera_camera_3_views"]["slot"] < 0.9
    assert noisy["camera_camera"]["low"] < noisy["camera_camera"]["slot"] < noisy["camera_camera"]["high"]
    noise[CUTOUT] = 0
    better = photo_rows(Sees(), dataset(), seen(noise), 2000, 3)
    assert better["cutout_camera"]["slot"] > noisy["cutout_camera"]["slot"] + 0.05
    assert better["same_background"] == noisy["same_background"]


def test_views_are_in_front_of_what_they_say() -> None:
    shown = views(cut_out(0), seed=4)
    corners = [np.asarray(view)[:6, :6].mean((0, 1)) for view in shown[1:]]
    assert len(shown) == VIEWS and shown[0].mode == "RGBA"
    far = [np.abs(a - b).max() for i, a in enumerate(corners) for b in corners[i + 1 :]]
    assert far[-1] < 80 and np.median(far) > 20
    np.testing.assert_array_equal(np.asarray(shown[3]), np.asarray(views(cut_out(0), seed=4)[3]))


def test_photographs_are_told_from_drawings(tmp_path: Path) -> None:
    (tmp_path / "symbols").mkdir()
    for name, seed, colours in (("a", 0, True), ("b", 1, True), ("flat", 2, False), ("symbols/c", 3, True)):
        cut_out(seed, colours).save(tmp_path / f"{name}.png")
    assert photograph(tmp_path / "a.png") and not photograph(tmp_path / "flat.png")
    found = compute(tmp_path, lambda image: np.asarray(image.convert("RGB").resize((16, 16)), np.float32).ravel())
    assert found.ids.tolist() == ["a"] * VIEWS + ["b"] * VIEWS and found.q.shape == (2 * VIEWS, RIGHT)


def test_without_data_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BitmarError, match=r"vision\.tflite is missing: run `pipeline.py data`"):
        load(tmp_path)
    assert not (tmp_path / photos.FILE).exists()
