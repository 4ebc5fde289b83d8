"""Seeded questions: a memory of K taught things, one of them asked for with another drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bitmar.errors import BitmarError


@dataclass(frozen=True)
class Questions:
    """Q questions over memories of K slots; all indices are drawings of the data set.

    taught: int64 [Q, K], distinct concepts. asked: int64 [Q], another drawing of the concept in slot `answer`, int64 [Q].
    """

    taught: np.ndarray
    asked: np.ndarray
    answer: np.ndarray


def make_questions(pairs: np.ndarray, concept: np.ndarray, ways: int, count: int, seed: int) -> Questions:
    """Draw `count` questions of `ways` slots.

    Args: pairs: int64 [n, 2] (taught, asked) drawings of one concept; concept: int [N], concept of each drawing.
    Each concept is equally likely, and so is each of its pairs. Every question has a memory of its own.
    """
    rng = np.random.default_rng((seed, ways))
    order = np.argsort(concept[pairs[:, 0]], kind="stable")
    pairs = pairs[order]
    _, starts, counts = np.unique(concept[pairs[:, 0]], return_index=True, return_counts=True)
    if len(starts) < ways:
        raise BitmarError(
            f"evaluation: {len(starts)} concepts have two drawings, expected at least {ways} ({ways}-way)"
        )
    chosen = np.stack([rng.permutation(len(starts))[:ways] for _ in range(count)])
    picked = pairs[starts[chosen] + (rng.random((count, ways)) * counts[chosen]).astype(np.int64)]
    answer = rng.integers(0, ways, count)
    return Questions(picked[:, :, 0], picked[np.arange(count), answer, 1], answer)
