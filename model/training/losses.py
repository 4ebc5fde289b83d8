"""The losses, as functions of tensors; which one teaches what stands in docs/training.md."""

from __future__ import annotations

import keras
from keras import ops

TINY = 1e-6


def weighted_mean(values: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    """sum(values * weights) / sum(weights); 0 where no weight is positive. Any equal shapes -> scalar."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), TINY)


def token_cross_entropy(logits: keras.KerasTensor, targets: keras.KerasTensor) -> keras.KerasTensor:
    """-log p(target) of each token: logits float32 [..., V], targets int32 [...] -> float32 [...]."""
    return keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)


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
