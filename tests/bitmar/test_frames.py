"""Property: of several frames the blurred ones do not count, and what is left is averaged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from bitmar.errors import BitmarError
from bitmar.frames import FRAMES, RECENT, look, sharp_frames, sharpness


def frame(seed: int, blur: float = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Coarse texture, as things have, out of focus by `blur` pixels."""
    cells = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(blur))


def grey(image: Image.Image) -> np.ndarray:
    """A mean that tells frames apart, as 768 numbers."""
    return np.full(768, np.asarray(image, np.float32).mean(), np.float32)


def test_blur_lowers_it_at_any_resolution() -> None:
    for size in ((160, 120), (640, 480), (1024, 768)):
        values = [sharpness(frame(1, blur * size[0] / 320, size)) for blur in (0, 2, 4, 8)]
        assert values == sorted(values, reverse=True) and values[2] < 0.5 * values[0]
    assert sharpness(Image.new("RGB", (400, 300), "white")) == 0
    assert sharpness(Image.new("RGB", (2, 2))) == 0


def test_a_look_drops_the_blurred_frames() -> None:
    frames = [frame(1), frame(2, 6), frame(3), frame(4, 8), frame(5), frame(6)]
    waiting = iter(frames)
    seen = look(waiting, grey, "here")
    np.testing.assert_allclose(seen, np.mean([grey(frames[i]) for i in (0, 2, 4)], axis=0))
    assert seen.dtype == np.float32 and next(waiting) is frames[FRAMES]


def test_a_source_that_ends() -> None:
    assert look(iter([frame(1)]), grey, "here").shape == (768,)
    with pytest.raises(BitmarError, match="camera here: no more frames"):
        look(iter([]), grey, "here")


def test_blurred_frames_are_not_watched_but_a_plain_scene_is() -> None:
    frames = [frame(1), frame(1, 6), frame(1), *(frame(1, 6) for _ in range(2 * RECENT))]
    number = {id(image): i for i, image in enumerate(frames)}
    assert [number[id(image)] for image in sharp_frames(frames)][:3] == [0, 2, RECENT + 2]
