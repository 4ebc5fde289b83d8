"""Directions for words: as far from each other as they will go, and with classes such that the class is told first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.discriminant import unit
from model.word_classes import WordClasses

DRAWN = 160  # directions drawn for a word
CANDIDATES = 8  # of them, the first on their side of all borders; the one farthest from the words before it is kept
REGION = 50.0  # degrees around its centre within which a class wins over any word of the shortlist
LENGTH = 1.0 / np.cos(np.radians(REGION))  # of a centre beside a word: so that it does
MARGIN = 0.06  # of the right class over another and over the shortlist; of a word of the shortlist over all classes
OUTSIDE = 10.0  # what missing a margin by 1 costs beside a cosine to the nearest word


def word_directions(
    vocab_size: int, dims: int, classes: WordClasses | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """(unit vectors of all words, float64 [V, dims]; centres of the classes, float64 [count, dims], of length LENGTH).

    A word of a class lies nearer to its class's centre than to another, and within REGION of it; one of the shortlist lies
    outside all regions. Where the dimensions are too few for that, words come as near to it as their candidates do.
    """
    if not classes:
        return _one_by_one(lambda: (_drawn(1, dims, rng), np.ones((1, DRAWN))), 1, vocab_size, dims)[0], None
    centres, own = _far_apart(classes.count, dims, rng), np.arange(classes.count)

    def in_shortlist() -> tuple[np.ndarray, np.ndarray]:
        drawn = _drawn(1, dims, rng)
        return drawn, 1.0 - LENGTH * (drawn @ centres.T).max(-1)

    def in_classes() -> tuple[np.ndarray, np.ndarray]:
        drawn = _around(centres, rng)
        similar = drawn @ centres.T  # [class, candidate, class]
        right = similar[own, :, own]
        similar[own, :, own] = -1.0
        return drawn, np.minimum(right - similar.max(-1), LENGTH * right - 1.0)

    first = _one_by_one(in_shortlist, 1, classes.shortlist, dims)[0]
    later = _one_by_one(in_classes, classes.count, classes.size, dims)
    place = np.arange(vocab_size - classes.shortlist)
    return np.concatenate([first, later[place // classes.size, place % classes.size]]), LENGTH * centres


def _one_by_one(draw: Callable[[], tuple[np.ndarray, np.ndarray]], groups: int, count: int, dims: int) -> np.ndarray:
    """`count` directions for each of several groups, each the best of its candidates (Mitchell, 1991): [groups, count, dims].

    draw: directions, float64 [groups, DRAWN, dims], and by how much each is on its side of all borders.
    """
    taken = np.empty((groups, count, dims), np.float32)
    for n in range(count):
        drawn, margin = draw()
        missed = np.maximum(MARGIN - margin, 0.0)
        first = np.argsort(missed, axis=1, kind="stable")[:, :CANDIDATES, None]
        drawn, missed = np.take_along_axis(drawn, first, 1), np.take_along_axis(missed, first[..., 0], 1)
        nearest = (drawn.astype(np.float32) @ taken[:, :n].transpose(0, 2, 1)).max(-1, initial=-1.0)
        taken[:, n] = drawn[np.arange(groups), (nearest + OUTSIDE * missed).argmin(-1)]
    return taken.astype(np.float64)


def _drawn(groups: int, dims: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors of any direction: float64 [groups, DRAWN, dims]."""
    return unit(rng.standard_normal((groups, DRAWN, dims)))


def _around(centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors spread evenly within REGION of each centre: float64 [count, DRAWN, dims]."""
    count, dims = centres.shape
    aside = _drawn(count, dims, rng)
    aside = unit(aside - (aside * centres[:, None]).sum(-1, keepdims=True) * centres[:, None])
    angle = np.radians(REGION) * rng.random((count, DRAWN, 1)) ** (1 / max(dims - 1, 1))
    return np.cos(angle) * centres[:, None] + np.sin(angle) * aside


def _far_apart(count: int, dims: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors that have pushed each other away: float64 [count, dims]."""
    points = unit(rng.standard_normal((count, dims)))
    for _ in range(500):
        near = np.exp(8 * (points @ points.T - 2 * np.eye(count)))
        points = unit(points - 0.05 * near @ points / near.sum(1, keepdims=True))
    return points
