"""Which words of a large vocabulary the head computes in a step: those of the step's own texts, and others at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bitmar.errors import BitmarError


class HeadWords(NamedTuple):
    """words int32 [S], ascending; log_weight float32 [S]; targets int32, indices into `words` (S = 0: into the vocabulary)."""

    words: np.ndarray
    log_weight: np.ndarray
    targets: np.ndarray


def choose_words(targets: np.ndarray, vocab_size: int, count: int, seed: tuple[int, ...]) -> HeadWords:
    """A sampled softmax (Bengio and Senecal, 2008; Jean et al., 2015) whose denominator has no bias.

    Every word of `targets` (int32, any shape) is computed and counts once. Of all others as many as there is room for are drawn
    evenly, each for n / m words where m of n are drawn, so that the sum over the words computed is on average the sum over the
    vocabulary. `count` 0: no choice is made; `count` of at least the vocabulary: all words, the exact loss.
    """
    if not count:
        return HeadWords(np.zeros(0, np.int32), np.zeros(0, np.float32), targets)
    count = min(count, vocab_size)
    own = np.unique(targets)
    others = count - len(own)
    if others < min(1, vocab_size - len(own)):
        raise BitmarError(f"head_words is {count}, but a step's texts have {len(own)} words; expected more")
    rest = np.setdiff1d(np.arange(vocab_size, dtype=np.int32), own, assume_unique=True)
    drawn = np.random.default_rng((*seed, 1)).choice(rest, others, replace=False, shuffle=False)
    words = np.concatenate([own, drawn]).astype(np.int32)
    weight = np.zeros(count, np.float32)
    weight[len(own) :] = np.log(len(rest) / max(others, 1))
    order = np.argsort(words)
    words = words[order]
    return HeadWords(words, weight[order], np.searchsorted(words, targets).astype(np.int32))
