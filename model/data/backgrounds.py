"""Generated backgrounds that training drawings are put in front of. The evaluation has others (model/data/photos.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, ...]
SIZE = 224  # pixels a side of a camera's picture
COLLAGE = 0.3  # share of backgrounds with other drawings strewn over them


def background(random: np.random.Generator, others: Sequence[Image.Image] = ()) -> Image.Image:
    """An RGB picture of SIZE pixels a side: a surface, often cluttered. `others`: RGBA drawings for collages."""
    surface = SURFACES[random.integers(len(SURFACES))](random)
    picture = Image.fromarray(np.clip(surface, 0, 255).astype(np.uint8))
    if others and random.random() < COLLAGE:
        strew(picture, random, others)
    elif random.random() < 0.4:
        clutter(picture, random)
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 2.5)))


def strew(picture: Image.Image, random: np.random.Generator, others: Sequence[Image.Image]) -> None:
    """Paste drawings anywhere, whole and cut by the edges."""
    for _ in range(random.integers(2, 9)):
        side = int(SIZE * random.uniform(0.15, 0.5))
        other = others[random.integers(len(others))].resize((side, side))
        other = other.rotate(random.uniform(0, 360), Image.Resampling.BILINEAR)
        picture.paste(other, tuple(int(v) for v in random.integers(-side // 2, SIZE - side // 2, 2)), other)


def clutter(picture: Image.Image, random: np.random.Generator) -> None:
    """Draw a few shapes of one colour each."""
    draw = ImageDraw.Draw(picture)
    for _ in range(random.integers(1, 9)):
        x, y = random.uniform(-0.2, 1.0, 2) * SIZE
        width, height = random.uniform(0.1, 0.7, 2) * SIZE
        box, kind = (x, y, x + width, y + height), random.integers(3)
        if kind == 0:
            draw.ellipse(box, _ink(random))
        elif kind == 1:
            draw.rectangle(box, _ink(random))
        else:
            draw.line((*random.uniform(0, SIZE, 4),), _ink(random), int(random.integers(1, 24)))


def _ink(random: np.random.Generator) -> Colour:
    return tuple(int(v) for v in random.integers(0, 256, 3))


def _colours(random: np.random.Generator, count: int) -> np.ndarray:
    """float64 [count, 3]: half of the time shades of one colour, as a room's surfaces are."""
    colours = random.uniform(0, 255, (count, 3))
    return colours if random.random() < 0.5 else colours[:1] + random.uniform(-60, 60, (count, 1))


def _axes(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """float64 [SIZE, SIZE] each, about -.7 to .7: coordinates of a plane that is turned at random."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _mix(share: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """float [SIZE, SIZE] of 0..1 -> two colours mixed by it, float [SIZE, SIZE, 3]."""
    first, second = _colours(random, 2)
    return first + (second - first) * np.clip(share, 0, 1)[..., None]


def gradient(random: np.random.Generator) -> np.ndarray:
    """A wall or a table under a lamp: light falls off to one side or from a spot, with grain."""
    u, v = _axes(random)
    share = u + 0.5 if random.random() < 0.5 else np.hypot(u - random.uniform(-0.5, 0.5), v) * 1.3
    return _mix(share, random) + random.normal(0, random.uniform(0, 8), (SIZE, SIZE, 1))


def planks(random: np.random.Generator) -> np.ndarray:
    """Wood: boards, their grain bent, dark joints."""
    u, v = _axes(random)
    boards = v * random.uniform(1.5, 7)
    board = np.floor(boards).astype(int)
    tone = random.uniform(-0.2, 0.2, 32)[board % 32]
    grain = np.sin(v * random.uniform(60, 160) + 3 * np.sin(u * random.uniform(3, 9) + board)) * random.uniform(
        0.05, 0.3
    )
    joint = ((boards - board) < 0.04) * random.uniform(0, 0.6)
    return _mix(0.5 + tone + grain - joint, random)


def tiles(random: np.random.Generator) -> np.ndarray:
    """A chequered cloth or floor, with or without grout."""
    u, v = (axis * random.uniform(2, 14) + random.uniform() for axis in _axes(random))
    even = (np.floor(u) + np.floor(v)) % 2
    grout = (np.minimum(u % 1, v % 1) < random.uniform(0, 0.12)) * random.uniform(-1, 1)
    return _mix(even * random.uniform(0, 1) + grout, random)


def cloud(random: np.random.Generator) -> np.ndarray:
    """Foliage, stone or a room out of focus: noise whose spectrum falls with frequency, another in each colour."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)) + 1 / SIZE
    spectrum = random.normal(size=(3, *frequency.shape, 2)) @ np.array([1, 1j])
    field = np.fft.irfft2(spectrum * frequency ** -random.uniform(0.9, 2.2), (SIZE, SIZE))
    field = (field - field.mean((1, 2), keepdims=True)) / field.std((1, 2), keepdims=True)
    colourful = random.uniform(0, 1)
    field = colourful * field + (1 - colourful) * field[:1]
    return np.moveaxis(field, 0, -1) * random.uniform(15, 70) + random.uniform(40, 215, 3)


def mosaic(random: np.random.Generator) -> np.ndarray:
    """Pebbles, mess or a bed of leaves: each place takes the colour of the nearest of some points."""
    count = int(random.integers(6, 40))
    points, colours = random.uniform(0, SIZE, (2, count)), _colours(random, count)
    y, x = np.mgrid[:SIZE:2, :SIZE:2]
    nearest = np.argmin((x[..., None] - points[0]) ** 2 + (y[..., None] - points[1]) ** 2, -1)
    return colours[nearest.repeat(2, 0).repeat(2, 1)]


SURFACES = (gradient, planks, tiles, cloud, mosaic)
