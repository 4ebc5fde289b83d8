"""Property: a camera view shows the thing and not the white that it was drawn on; views are seeded by what they show."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bitmar.eye import Eye
from bitmar.image_file import open_image
from model.config import BitMarConfig
from model.data import camera_views
from model.data.backgrounds import SIZE, SURFACES, background
from model.data.build import Builder
from model.data.camera_views import VIEWS, camera_view
from model.data.pictograms import load_dataset


def disc() -> Image.Image:
    """Pure green on nothing: no background is."""
    image = Image.new("RGBA", (100, 100))
    ImageDraw.Draw(image).ellipse((5, 5, 94, 94), (0, 255, 0, 255))
    return image


@pytest.mark.parametrize("surface", SURFACES)
def test_surfaces_differ_and_are_seeded(surface) -> None:
    made = [surface(np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert made[0].shape == (SIZE, SIZE, 3) and np.isfinite(made[0]).all()
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).mean() > 1


def test_the_thing_is_whole_and_of_the_size_that_was_said() -> None:
    """Seen in front of grey: a disc's green pixels are as many as its diameter says, inside the picture."""
    behind = Image.new("RGB", (SIZE, SIZE), (128, 128, 128))
    for seed in range(40):
        view = np.asarray(camera_view(disc(), behind, np.random.default_rng(seed)), int)
        green = view[..., 1] - view[..., [0, 2]].max(-1) > 60
        rows, columns = np.flatnonzero(green.any(1)), np.flatnonzero(green.any(0))
        width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
        assert 0.53 * SIZE < width < 0.97 * SIZE and abs(width - height) < 6
        assert abs(green.sum() / (np.pi / 4 * width * height) - 1) < 0.05


def test_something_may_stand_before_it() -> None:
    behind = Image.new("RGB", (SIZE, SIZE), (128, 128, 128))
    whole, hidden = (
        np.stack([np.asarray(camera_view(disc(), behind, np.random.default_rng(s), often), int) for s in range(20)])
        for often in (0.0, 1.0)
    )
    assert whole.shape == hidden.shape and (np.abs(whole - hidden).mean((1, 2, 3)) > 1).any()


def test_a_collage_shows_other_drawings() -> None:
    shown = [np.asarray(background(np.random.default_rng(seed), [disc()]), int) for seed in range(60)]
    green = [((p[..., 1] > 200) & (p[..., 0] < 60) & (p[..., 2] < 60)).mean() > 0.02 for p in shown]
    assert 5 < sum(green) < 40


def test_stored_views_belong_to_training_drawings(small: Builder, config: BitMarConfig) -> None:
    dataset = load_dataset(config, small.data_dir, "development")
    trained = dataset.role == "train"
    assert (dataset.views[trained] >= 0).all() and (dataset.views[~trained] == -1).all()
    assert sorted(dataset.views[trained].ravel()) == list(range(len(dataset.seen.features)))
    drawing = int(np.flatnonzero(trained)[3])
    name, code = dataset.reference(drawing).split("/")
    path = small.data_dir / "pictures" / name / f"{code}.png"
    again = camera_views.compute([code], [path], small.statistics_drawings(), Eye(small.data_dir).features, "again")
    assert open_image(path).mode == "RGBA" and len(again.ids) == VIEWS
    np.testing.assert_array_equal(again.q, dataset.view_q[dataset.views[drawing, :VIEWS]])
