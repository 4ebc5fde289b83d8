"""95 % intervals that know that questions about one thing are not independent: things are drawn again, not questions."""

from __future__ import annotations

import numpy as np

DRAWS = 1000


def interval(right: np.ndarray, concept: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap over concepts (Efron, 1979; clusters: Field and Welsh, 2007).

    Args: right: bool or float [Q], what is averaged; concept: int [Q], the thing that each question is about.
    Returns: 2.5 and 97.5 percentiles of the mean.
    """
    if not len(right):
        return 0.0, 1.0
    _, index, counts = np.unique(concept, return_inverse=True, return_counts=True)
    sums = np.bincount(index, np.asarray(right, np.float64), len(counts))
    drawn = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), DRAWS)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), (0.025, 0.975))
    return float(low), float(high)
