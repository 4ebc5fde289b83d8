"""The loss over some words of a large vocabulary: exact where all are computed, without bias where some are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from bitmar.errors import BitmarError
from model.training.head_words import choose_words
from model.training.losses import head_cross_entropy, token_cross_entropy

VOCABULARY = 1000


@pytest.fixture
def targets() -> np.ndarray:
    return np.random.default_rng(1).integers(0, VOCABULARY, (4, 16)).astype(np.int32)


def test_the_words_drawn_stand_for_the_whole_vocabulary_and_hold_every_target(targets: np.ndarray) -> None:
    head = choose_words(targets, VOCABULARY, 200, (0, 5))
    assert len(np.unique(head.words)) == 200
    assert (head.words[head.targets] == targets).all()
    assert (head.log_weight[head.targets] == 0).all()
    assert np.exp(head.log_weight).sum() == pytest.approx(VOCABULARY, rel=1e-5)


def test_another_step_draws_other_words_and_the_same_step_the_same(targets: np.ndarray) -> None:
    first, again, other = (choose_words(targets, VOCABULARY, 200, (0, step)).words for step in (5, 5, 6))
    assert (first == again).all() and (first != other).any()


def test_all_words_give_the_exact_loss_and_its_gradient(targets: np.ndarray) -> None:
    head = choose_words(targets, VOCABULARY, 5000, (0, 0))
    logits = tf.constant(np.random.default_rng(2).normal(0, 3, (4, 16, VOCABULARY)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = head_cross_entropy(logits, head.targets, head.log_weight)
        theirs = token_cross_entropy(logits, targets)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(ours, logits), tape.gradient(theirs, logits), atol=1e-6)


def test_the_denominator_over_drawn_words_has_no_bias(targets: np.ndarray) -> None:
    logits = np.random.default_rng(3).normal(0, 1, VOCABULARY)
    heads = [choose_words(targets, VOCABULARY, 300, (0, step)) for step in range(300)]
    sums = [np.exp(logits[head.words] + head.log_weight).sum() for head in heads]
    error = np.std(sums) / len(sums) ** 0.5
    assert abs(np.mean(sums) - np.exp(logits).sum()) < 4 * error


def test_too_few_words_for_a_steps_texts_are_refused(targets: np.ndarray) -> None:
    with pytest.raises(BitmarError, match="head_words is 20"):
        choose_words(targets, VOCABULARY, 20, (0, 0))
