"""Multi-head attention with ternary projections."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.layers.ternary_dense import TernaryDense

MASKED = -1e9


def split_heads(x: keras.KerasTensor, heads: int) -> keras.KerasTensor:
    """[B, T, width] -> [B, heads, T, width / heads]."""
    length, width = ops.shape(x)[1], x.shape[-1]
    return ops.transpose(ops.reshape(x, (-1, length, heads, width // heads)), (0, 2, 1, 3))


def dot_product_attention(
    q: keras.KerasTensor, k: keras.KerasTensor, v: keras.KerasTensor, heads: int, allowed: keras.KerasTensor | None
) -> keras.KerasTensor:
    """softmax(q k^T / sqrt(dh)) v per head (Vaswani et al., 2017).

    Args: q float32 [B, T, width]; k, v float32 [B, S, width]; allowed: float32, 1 or 0, broadcastable to [B, heads, T, S].
    Returns: float32 [B, T, width].
    """
    width = q.shape[-1]
    scores = ops.matmul(split_heads(q, heads), ops.transpose(split_heads(k, heads), (0, 1, 3, 2)))
    scores = scores * (width // heads) ** -0.5
    if allowed is not None:
        scores = scores + (1.0 - allowed) * MASKED
    mixed = ops.matmul(ops.softmax(scores, axis=-1), split_heads(v, heads))
    return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, ops.shape(q)[1], width))


@keras.saving.register_keras_serializable(package="bitmar")
class Attention(keras.layers.Layer):
    """Self-attention (one fused ternary qkv matrix) or, with `memory`, cross-attention (q from x, kv from memory).

    Input x float32 [B, T, width]; allowed float32 broadcastable to [B, heads, T, S]; memory float32 [B, S, width].
    """

    def __init__(self, width: int, heads: int, cross: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.cross = width, heads, cross
        if cross:
            self.q = TernaryDense(width, name="q")
            self.kv = TernaryDense(2 * width, name="kv")
        else:
            self.qkv = TernaryDense(3 * width, name="qkv")
        self.out = TernaryDense(width, name="out")

    def build(self, input_shape: Any) -> None:
        for projection in (self.q, self.kv) if self.cross else (self.qkv,):
            projection.build((None, None, self.width))
        self.out.build((None, None, self.width))

    def call(
        self,
        x: keras.KerasTensor,
        allowed: keras.KerasTensor | None = None,
        memory: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        if self.cross:
            q = self.q(x)
            k, v = ops.split(self.kv(memory), 2, axis=-1)
        else:
            q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        return self.out(dot_product_attention(q, k, v, self.heads, allowed))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads, "cross": self.cross}
