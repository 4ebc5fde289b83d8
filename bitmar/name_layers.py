"""A long name in one slot: its parts one beneath the other, each a sixteenth of the one above.

Superposition coding, read by successive cancellation (Cover, Broadcast Channels, IEEE Trans. Information Theory 18, 1972). An
episode carries some 18 to 25 tokens; IEEE half has digits for more. The upper part is read through what the lower ones add, a
sixteenth of it; encoded again and taken away, it leaves the next one, sixteen times as large. What rounding to half adds is
less than a hundredth of the second part and about a twentieth of the third.

mcu_app/src/app/name_layers.cpp does the same on a board.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LAYER = np.float32(1 / 16)  # a power of two: exact in float32, with or without fused multiply-add
MOST_LAYERS = 3


def superpose(episodes: Iterable[np.ndarray]) -> np.ndarray:
    """Episodes float32 [..., D], the first part's first -> one of the same shape, not yet rounded as a slot does."""
    total, size = np.float32(0), np.float32(1)
    for episode in episodes:
        total, size = total + episode * size, size * LAYER
    return total


def beneath(episode: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """What is left when the upper part's own episode is taken away, in its size; float32 [..., D] both."""
    return (episode - layer) / LAYER
