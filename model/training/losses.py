"""The losses, as functions of tensors; which one teaches what stands in docs/training.md."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from model.functional import MASKED
from model.word_classes import WordClasses

TINY = 1e-6


def weighted_mean(values: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    """sum(values * weights) / sum(weights); 0 where no weight is positive. Any equal shapes -> scalar."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), TINY)


def token_cross_entropy(logits: keras.KerasTensor, targets: keras.KerasTensor) -> keras.KerasTensor:
    """-log p(target) of each token: logits float32 [..., V], targets int32 [...] -> float32 [...]."""
    return keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)


def head_cross_entropy(logits: tf.Tensor, targets: tf.Tensor, log_weight: tf.Tensor) -> tf.Tensor:
    """-log p(target) among weighted words: log(sum_s w_s e^logits_s) - logits_target; see model.training.head_words.

    The gradient, softmax less target, is written out: under op determinism TensorFlow scatters it number by number, which took
    half of a step with 50,257 words.
    Args: logits float32 [..., S]; targets int32 [...], indices of 0..S-1; log_weight float32 [S], 0 for each target, or
        [..., S], of each token.
    Returns: float32 [...].
    """
    rows, size = tf.reshape(targets, (-1, 1)), logits.shape[-1]

    @tf.custom_gradient
    def loss(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        weighted = x + tf.reshape(log_weight, (-1, size))
        largest = tf.reduce_max(weighted, -1, keepdims=True)
        shares = tf.exp(weighted - largest)
        total = tf.reduce_sum(shares, -1, keepdims=True)
        own = tf.gather(x, rows, batch_dims=1)
        each = tf.math.log(total) + largest - own

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            here = tf.cast(tf.range(size, dtype=rows.dtype) == rows, x.dtype)
            return (shares / total - here) * upstream[:, None]

        return each[:, 0], gradient

    return tf.reshape(loss(tf.reshape(logits, (-1, size))), tf.shape(targets))


def class_cross_entropy(
    logits: tf.Tensor, targets: tf.Tensor, words: tf.Tensor, log_weight: tf.Tensor, classes: WordClasses
) -> tf.Tensor:
    """-log p(target) with a head of two levels: -log p(word or class), and for a word of a class -log p(word | class).

    Args: logits float32 [..., S + count], of the words and of all classes; targets int32 [...], indices into `words`; words
        int32 [S], ascending, the whole shortlist first; log_weight float32 [S], of how many words of its class each stands for.
    Returns: float32 [...].
    """
    shortlist, size = classes.shortlist, words.shape[0]
    own = classes.of(tf.gather(words, targets))
    in_class = tf.cast(own >= 0, logits.dtype)
    first = tf.concat([logits[..., :shortlist], logits[..., size:]], -1)
    at_first = tf.where(own >= 0, shortlist + own, targets)
    outer = head_cross_entropy(first, at_first, tf.zeros(shortlist + classes.count))
    others = tf.where(own[..., None] == classes.of(words[shortlist:]), log_weight[shortlist:], MASKED)
    inner = head_cross_entropy(logits[..., shortlist:size], tf.maximum(targets - shortlist, 0), others)
    return outer + inner * in_class


def info_nce(
    queries: keras.KerasTensor, keys: keras.KerasTensor, temperature: float, weights: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    """Row i of `queries` belongs to row i of `keys` and to no other (van den Oord et al., 2018); both directions, mean.

    Args: queries, keys: float32 [B, D], unit length; weights: float32 [B], rows that count (None: all).
    Returns: scalar.
    """
    similar = ops.matmul(queries, ops.transpose(keys)) / temperature
    own = ops.arange(queries.shape[0])
    weights = ops.ones_like(similar[:, 0]) if weights is None else weights
    rows = weighted_mean(token_cross_entropy(similar, own), weights)
    columns = weighted_mean(token_cross_entropy(ops.transpose(similar), own), weights)
    return rows + columns


def slot_accuracy(scores: keras.KerasTensor) -> keras.KerasTensor:
    """Share of questions whose best slot is their own: scores float32 [S, K, K], own slot on the diagonal -> scalar."""
    own = ops.arange(scores.shape[-1], dtype="int32")
    return ops.mean(ops.cast(ops.cast(ops.argmax(scores, axis=-1), "int32") == own, "float32"))


def own_attention(scores: keras.KerasTensor, temperature: float) -> keras.KerasTensor:
    """How much of each read comes from its own slot: scores float32 [S, K, K] -> float32 [S * K], no gradient."""
    weights = ops.softmax(scores / temperature, axis=-1)
    return ops.stop_gradient(ops.reshape(ops.sum(weights * ops.eye(scores.shape[-1]), axis=-1), (-1,)))
