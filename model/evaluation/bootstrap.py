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
    return ratio_interval(np.bincount(index, np.asarray(right, np.float64), len(counts)), counts, seed)


def ratio_interval(over: np.ndarray, under: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap of sum(over) / sum(under), whose rows are drawn again together: float [n] each, n > 0."""
    count = len(under)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS)
    low, high = np.quantile((drawn @ over) / (drawn @ under), (0.025, 0.975))
    return float(low), float(high)
