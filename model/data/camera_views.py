"""Things as a camera sees them: a cut-out picture in front of a background, turned, lit, blurred, stored as JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from bitmar.image_file import open_image
from model.data.backgrounds import background
from model.data.features import Features, of_views, sample

VIEWS = 2  # of each training drawing; four are hardly better
COLLAGE_SAMPLE = 256  # drawings that are strewn over backgrounds
TURN = 15.0  # degrees to either side
OCCLUDED = 0.2  # share of training views with something in front of the thing


def camera_view(
    thing: Image.Image, behind: Image.Image, random: np.random.Generator, shift: float = 1.0, occluded: float = 0.0
) -> Image.Image:
    """RGBA cut-out picture, RGB square -> RGB picture of the square's size.

    The thing takes 55 to 95 % of the side. `shift`: 0 in the middle, 1 anywhere but across an edge. `occluded`: how often a bar
    hides a strip of it.
    """
    size = behind.width
    turned = thing.rotate(random.uniform(-TURN, TURN), Image.Resampling.BICUBIC, expand=True)
    turned = turned.crop(turned.getchannel("A").getbbox())
    factor = random.uniform(0.55, 0.95) * size / max(turned.size)
    width, height = (max(1, int(side * factor)) for side in turned.size)
    turned = turned.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    view = behind.copy()
    place = [int((size - side) * (0.5 + shift * (random.random() - 0.5))) for side in (width, height)]
    view.paste(turned, tuple(place), turned)
    if random.random() < occluded:
        _hide(view, random)
    view = ImageEnhance.Brightness(view).enhance(random.uniform(0.75, 1.25))
    view = ImageEnhance.Color(view).enhance(random.uniform(0.8, 1.2))
    view = ImageEnhance.Contrast(view).enhance(random.uniform(0.85, 1.15))
    cast = random.uniform(0.93, 1.07, 3)  # white balance
    view = Image.fromarray(np.clip(np.asarray(view) * cast, 0, 255).astype(np.uint8))
    view = view.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    stored = io.BytesIO()
    view.save(stored, "JPEG", quality=int(random.integers(50, 92)))
    return Image.open(stored).convert("RGB")


def _hide(view: Image.Image, random: np.random.Generator) -> None:
    """A finger's or a leaf's width, from one edge inwards."""
    size = view.width
    bar = Image.new("RGBA", (int(size * random.uniform(0.08, 0.2)), int(size * random.uniform(0.3, 0.6))))
    bar.paste((*(int(v) for v in random.integers(0, 256, 3)), 255), (0, 0, *bar.size))
    bar = bar.rotate(random.uniform(0, 360), expand=True)
    place = [int(size * v) for v in random.uniform(-0.2, 0.9, 2)]
    place[random.integers(2)] = -bar.width // 3
    view.paste(bar, tuple(place), bar)


def views(others: list[Path]) -> Callable[[Image.Image, np.random.Generator], Iterator[Image.Image]]:
    """What gives VIEWS camera views of a drawing (RGBA, its generator).

    `others`: drawings that may stand in backgrounds; none that any split holds out.
    """
    strewn = [open_image(path).convert("RGBA") for path in sample(others, COLLAGE_SAMPLE)]

    def of_drawing(drawing: Image.Image, random: np.random.Generator) -> Iterator[Image.Image]:
        for _ in range(VIEWS):
            yield camera_view(drawing, background(random, strewn), random, occluded=OCCLUDED)

    return of_drawing


def compute(
    ids: list[str], pictures: list[Path], others: list[Path], see: Callable[[Image.Image], np.ndarray], title: str
) -> Features:
    """VIEWS camera views of each drawing, one behind the other, through the eye's `see`; seeded by set and code."""
    return of_views(ids, pictures, views(others), see, title)
