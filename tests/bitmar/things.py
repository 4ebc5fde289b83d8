"""64 things from tests/fixtures/pictures.npz, each in two artists' drawings. Needs NumPy only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "fixtures" / "pictures.npz"
COUNT = 64


class Thing(NamedTuple):
    """A name and two pictures (int8 [768], float32 scale): one to teach, one to ask."""

    name: str
    taught: tuple[np.ndarray, np.float32]
    asked: tuple[np.ndarray, np.float32]


def things(count: int = COUNT) -> list[Thing]:
    """Held-out and known concepts by turns."""
    with np.load(FILE) as arrays:
        names, q, scale = arrays["name"], arrays["q"], arrays["scale"]
    half = len(names) // 4  # the first half of the file is held out, two rows a thing
    order = [i for pair in zip(range(half), range(half, 2 * half), strict=True) for i in pair]
    rows = [2 * i for i in order[:count]]
    return [Thing(str(names[r]), (q[r], scale[r]), (q[r + 1], scale[r + 1])) for r in rows]
