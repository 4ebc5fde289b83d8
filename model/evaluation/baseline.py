"""What a question is measured against: chance, nearest neighbour on the raw features; and confidence intervals."""

from __future__ import annotations

import math

import numpy as np

from model.discriminant import unit
from model.evaluation.questions import Questions

Z = 1.959963984540054  # 95 %


def nearest_neighbour(features: np.ndarray, questions: Questions) -> np.ndarray:
    """Cosine of the raw features, no model: float32 [N, 768] -> bool [Q], is the asked drawing nearest to its own slot."""
    rows = unit(features)
    similar = np.einsum("qkd,qd->qk", rows[questions.taught], rows[questions.asked])
    return similar.argmax(1) == questions.answer


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    if count == 0:
        return 0.0, 1.0
    share = right / count
    centre = share + Z * Z / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
