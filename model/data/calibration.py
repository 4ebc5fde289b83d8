"""Pictures that the ranges of int8 activations are measured on: drawings, some in front of backgrounds as a camera sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bitmar.eye import SIZE, prepare
from bitmar.image_file import open_image

SEED = 22
CAMERA = 3  # one picture of so many is put in front of a background
WHITE = 120  # of int8 RGB - 128: paler than this is paper


def calibration_pictures(pictures: list[Path]) -> list[np.ndarray]:
    """float32 [1, 128, 128, 3] each, the network's input times its scale, and a black and a white sheet; seeded."""
    random = np.random.default_rng(SEED)
    seen = [prepare(open_image(path)) for path in pictures]
    seen[::CAMERA] = [in_front(pixels, random) for pixels in seen[::CAMERA]]
    sheets = [np.full((SIZE, SIZE, 3), value, np.int8) for value in (-128, 127)]
    return [(pixels.astype(np.float32) / 128)[None] for pixels in [*seen, *sheets]]


def in_front(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """int8 [128, 128, 3]: the paper becomes a smooth field of colours, light and noise change."""
    few = int(random.integers(2, 9))
    field = Image.fromarray(random.integers(0, 256, (few, few, 3)).astype(np.uint8))
    background = np.asarray(field.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float64) - 128
    drawn = (pixels.astype(np.float64) + 128) * random.uniform(0.6, 1.1) - 128
    paper = (pixels > WHITE).all(-1, keepdims=True)
    camera = np.where(paper, background, drawn) + random.normal(0, 6, pixels.shape)
    return np.clip(np.rint(camera), -128, 127).astype(np.int8)
