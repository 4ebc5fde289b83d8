"""A drawing as other hands might draw it: mirrored, turned, in other colours, as line art. Keys are trained on these too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from model.data.features import Features, of_views


def mirrored(drawing: Image.Image, random: np.random.Generator) -> Image.Image:
    """RGBA -> RGBA, left and right exchanged."""
    return ImageOps.mirror(drawing)


def turned(drawing: Image.Image, random: np.random.Generator) -> Image.Image:
    """RGBA -> RGBA, by 8 to 20 degrees to either side."""
    angle = random.uniform(8, 20) * random.choice([-1, 1])
    return drawing.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def recoloured(drawing: Image.Image, random: np.random.Generator) -> Image.Image:
    """RGBA -> RGBA: every hue moved round the circle by one angle, paler or stronger; light and dark stay."""
    hsv = np.asarray(drawing.convert("RGB").convert("HSV")).copy()
    hsv[..., 0] += np.uint8(random.integers(20, 236))
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.3, 1.2), 0, 255)
    picture = Image.fromarray(hsv, "HSV").convert("RGB")
    picture.putalpha(drawing.getchannel("A"))
    return picture


def outlined(drawing: Image.Image, random: np.random.Generator) -> Image.Image:
    """RGBA -> RGB: black strokes where colours meet, on white, pale or the drawing's own colours."""
    sheet = Image.new("RGB", drawing.size, "white")
    sheet.paste(drawing, (0, 0), drawing)
    colours = np.asarray(sheet, np.float64)
    edge = np.zeros(colours.shape[:2])
    for channel in (*np.moveaxis(colours, 2, 0), np.asarray(drawing.getchannel("A"), np.float64)):
        padded = np.pad(channel, 1, mode="edge")
        across, along = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
        edge = np.maximum(edge, np.hypot(across, along))
    strokes = Image.fromarray(((edge > random.uniform(25, 60)) * 255).astype(np.uint8))
    strokes = strokes.filter(ImageFilter.MaxFilter(int(random.choice([3, 5])))).filter(ImageFilter.GaussianBlur(0.7))
    ink = np.asarray(strokes, np.float64)[..., None] / 255
    paper = random.choice([1.0, 1.0, 1.0, 0.65, 0.0])  # how white the fills are
    filled = 255 * paper + colours * (1 - paper)
    return Image.fromarray(np.clip(filled * (1 - ink), 0, 255).astype(np.uint8))


KINDS = (mirrored, turned, recoloured, outlined)
VIEWS = len(KINDS)


def views(drawing: Image.Image, random: np.random.Generator) -> Iterator[Image.Image]:
    """The VIEWS of a drawing (RGBA)."""
    return (kind(drawing, random) for kind in KINDS)


def compute(ids: list[str], pictures: list[Path], see: Callable[[Image.Image], np.ndarray], title: str) -> Features:
    """The VIEWS of each drawing, one behind the other, through the eye's `see`; seeded by set and code."""
    return of_views(ids, pictures, views, see, title)
