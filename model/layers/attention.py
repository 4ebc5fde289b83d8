"""Multi-head attention with ternary projections."""

from __future__ import annotations

from typing import Any

import keras

from model.functional import KeyValueCache, attention, cached_attention
from model.layers.ternary_dense import TernaryDense


@keras.saving.register_keras_serializable(package="bitmar")
class Attention(keras.layers.Layer):
    """Self-attention (one fused ternary qkv matrix) or, with `memory`, cross-attention (q from x, kv from memory).

    Input x float32 [B, T, width]; `allowed` as in model.functional.attention; memory float32 [B, S, width]. With a `cache` x is
    one token of a stream, float32 [B, 1, width], and attends to the tokens before it.
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
        cache: KeyValueCache | None = None,
    ) -> keras.KerasTensor:
        if self.cross:
            mixed = attention(self.q(x), self.kv(memory), self.heads, allowed)
        elif cache is None:
            mixed = attention(self.qkv(x), None, self.heads, allowed)
        else:
            mixed = cached_attention(self.qkv(x), cache, self.heads)
        return self.out(mixed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads, "cross": self.cross}
