"""From pixels to the vision network's input in NumPy, by the definition of picture/include/bitmar_picture.h."""

from __future__ import annotations

import numpy as np

SIZE, VISIBLE = 128, 8


def on_white(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [height, width, 3 or 4] -> int64 RGB [height, width, 3] on white, alpha [height, width]."""
    pixels = pixels.astype(np.int64)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else np.full(pixels.shape[:2], 255)
    return (pixels[..., :3] * alpha[..., None] + 255 * (255 - alpha[..., None]) + 127) // 255, alpha


def shown(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The square [side, side, 3] that the network is shown."""
    transparent = (alpha <= VISIBLE).any()
    content = alpha > VISIBLE if transparent else (255 - rgb).max(-1) > VISIBLE
    height, width = content.shape
    rows, columns = np.flatnonzero(content.any(1)), np.flatnonzero(content.any(0))
    empty = not rows.size
    top, bottom, left, right = (0, height, 0, width) if empty else (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
    box = rgb[top:bottom, left:right]
    if not transparent and not empty and box.shape == rgb.shape:
        side = min(height, width)
        return rgb[(height - side) // 2 :, (width - side) // 2 :][:side, :side]
    side = (max(box.shape[:2]) * 53 + 25) // 50
    sheet = np.full((side, side, 3), 255, np.int64)
    y, x = (side - box.shape[0]) // 2, (side - box.shape[1]) // 2
    sheet[y : y + box.shape[0], x : x + box.shape[1]] = box
    return sheet


def area_average(square: np.ndarray) -> np.ndarray:
    """int8 [128, 128, 3] of a square, minus 128; halves are rounded towards black."""
    side, steps = len(square), np.arange(SIZE)[:, None]
    ends = np.arange(side)[None]
    weights = np.minimum((steps + 1) * side, (ends + 1) * SIZE) - np.maximum(steps * side, ends * SIZE)
    weights = np.maximum(weights, 0).astype(np.int64)
    ink = np.einsum("is,jt,stc->ijc", weights, weights, 255 - square, optimize=True)
    return (127 - (ink + side * side // 2) // (side * side)).astype(np.int8)


def prepare(pixels: np.ndarray) -> np.ndarray:
    """The whole way."""
    return area_average(shown(*on_white(pixels)))


def rgb565(words: np.ndarray) -> np.ndarray:
    """uint16 [height, width] -> uint8 [height, width, 3]: the upper bits repeated below."""
    red, green, blue = words >> 11, words >> 5 & 63, words & 31
    return np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], -1).astype(np.uint8)
