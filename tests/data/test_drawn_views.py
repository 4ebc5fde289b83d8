"""Property: other hands draw the same thing; line art is strokes on pale paper; views are seeded by what they show."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bitmar.eye import Eye
from model.config import BitMarConfig
from model.data import camera_views, drawn_views
from model.data.build import Builder
from model.data.drawn_views import KINDS, VIEWS, mirrored, outlined, recoloured, turned
from model.data.pictograms import load_dataset


def flag() -> Image.Image:
    """A square, its left half red, its right half blue, in the middle of nothing."""
    image = Image.new("RGBA", (96, 96))
    draw = ImageDraw.Draw(image)
    draw.rectangle((16, 16, 79, 79), (200, 30, 30, 255))
    draw.rectangle((48, 16, 79, 79), (30, 30, 200, 255))
    return image


@pytest.mark.parametrize("view", KINDS)
def test_seeded(view) -> None:
    made = [np.asarray(view(flag(), np.random.default_rng(seed))) for seed in (0, 0)]
    np.testing.assert_array_equal(made[0], made[1])


def test_a_mirror_exchanges_left_and_right_alone() -> None:
    np.testing.assert_array_equal(mirrored(flag(), np.random.default_rng(0)), np.asarray(flag())[:, ::-1])


def test_a_turn_keeps_all_of_it() -> None:
    for seed in range(10):
        view = turned(flag(), np.random.default_rng(seed))
        assert int(np.asarray(view.getchannel("A"), int).sum()) == pytest.approx(255 * 64 * 64, rel=0.02)
        assert np.asarray(view).tobytes() != np.asarray(flag()).tobytes()


def test_other_colours_in_the_same_places() -> None:
    for seed in range(10):
        view = np.asarray(recoloured(flag(), np.random.default_rng(seed)), int)
        np.testing.assert_array_equal(view[..., 3], np.asarray(flag())[..., 3])
        left, right = view[30, 20, :3], view[30, 70, :3]
        assert np.abs(left - [200, 30, 30]).max() > 20 and np.abs(left - right).max() > 20
        assert np.abs(left.max() - 200) <= 2  # as light as before


def test_line_art_is_dark_where_colours_meet_and_nowhere_else() -> None:
    pale = 0
    for seed in range(20):
        view = np.asarray(outlined(flag(), np.random.default_rng(seed)), int)
        assert view.shape == (96, 96, 3)
        for y, x in ((48, 16), (48, 48), (16, 30), (79, 60)):  # the outline, and between the halves
            assert view[y, x].max() < 60
        assert view[4, 4].min() == 255
        pale += view[48, 32].min() > 100
    assert 8 < pale < 20  # most are on white or pale paper, some keep their colours


def test_stored_views_follow_the_camera_s(small: Builder, config: BitMarConfig) -> None:
    dataset = load_dataset(config, small.data_dir, "development")
    drawing = int(np.flatnonzero(dataset.role == "train")[3])
    name, code = dataset.reference(drawing).split("/")
    path = small.data_dir / "pictures" / name / f"{code}.png"
    again = drawn_views.compute([code], [path], Eye(small.data_dir).features, "again")
    stored = dataset.views[drawing, camera_views.VIEWS :]
    assert len(stored) == VIEWS
    np.testing.assert_array_equal(again.q, dataset.view_q[stored])
