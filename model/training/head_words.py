"""Which words of a large vocabulary the head computes in a step: those of the step's own texts, and others at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.data.groups import places
from model.word_classes import WordClasses


class HeadWords(NamedTuple):
    """words int32 [S], ascending; log_weight float32 [S]; targets int32, indices into `words` (S = 0: into the vocabulary)."""

    words: np.ndarray
    log_weight: np.ndarray
    targets: np.ndarray


def choose_words(
    targets: np.ndarray, vocab_size: int, count: int, seed: tuple[int, ...], classes: WordClasses | None = None
) -> HeadWords:
    """A sampled softmax (Bengio and Senecal, 2008; Jean et al., 2015) whose denominator has no bias.

    Every word of `targets` (int32, any shape) is computed and counts once. Of all others as many as there is room for are drawn
    evenly, each for n / m words where m of n are drawn, so that the sum over the words computed is on average the sum over the
    vocabulary. `count` 0: no choice is made; `count` of at least the vocabulary: all words, the exact loss.
    With `classes` the shortlist is always computed too, and of each class its share of the others, one at least, so that no
    class's sum has a bias; `count` 0 is the whole vocabulary.
    """
    if classes and not count:
        count = vocab_size
    if not count:
        return HeadWords(np.zeros(0, np.int32), np.zeros(0, np.float32), targets)
    count = min(count, vocab_size)
    own = np.unique(targets)
    if classes:
        own = np.union1d(np.arange(classes.shortlist, dtype=own.dtype), own)
    others = count - len(own)
    if others < min(1, vocab_size - len(own)):
        raise BitmarError(f"head_words is {count}, but a step's texts have {len(own)} words; expected more")
    rest = np.setdiff1d(np.arange(vocab_size, dtype=np.int32), own, assume_unique=True)
    rng = np.random.default_rng((*seed, 1))
    if classes:
        drawn, log_weight = _drawn_by_class(rest, classes, others, rng, count)
    else:
        drawn = rng.choice(rest, others, replace=False, shuffle=False)
        log_weight = np.log(len(rest) / max(others, 1))
    words = np.concatenate([own, drawn]).astype(np.int32)
    weight = np.zeros(count, np.float32)
    weight[len(own) :] = log_weight
    order = np.argsort(words)
    words = words[order]
    return HeadWords(words, weight[order], np.searchsorted(words, targets).astype(np.int32))


def _drawn_by_class(
    rest: np.ndarray, classes: WordClasses, others: int, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """`others` of the words `rest`, each class's in proportion: (words int32, float64 log of how many each stands for)."""
    of = classes.of(rest)
    there = np.bincount(of, minlength=classes.count)
    quota = np.minimum(there, 1)
    left = others - quota.sum()
    if left < 0:
        raise BitmarError(f"head_words is {count}, expected {-left} more: a word of each class at least")
    share = np.cumsum(there - quota)
    quota += np.diff(share * left // max(share[-1], 1), prepend=0)
    order = np.lexsort((rng.random(len(rest)), of))  # at random inside each class
    drawn = places(there) < np.repeat(quota, there)
    return rest[order][drawn], np.log(there / np.maximum(quota, 1))[of[order][drawn]]
