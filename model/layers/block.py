"""Pre-norm transformer blocks: RMS norm, attention, residual; RMS norm, ternary up, squared ReLU, ternary down, residual."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.functional import KeyValueCache
from model.layers.attention import Attention
from model.layers.rms_norm import RMSNorm
from model.layers.ternary_dense import TernaryDense

HIDDEN_FACTOR = 4


@keras.saving.register_keras_serializable(package="bitmar")
class FeedForward(keras.layers.Layer):
    """x + down(squared_relu(up(norm(x)))); float32 [B, T, width], hidden 4 x width."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.norm = RMSNorm(name="norm")
        self.up = TernaryDense(HIDDEN_FACTOR * width, activation="squared_relu", name="up")
        self.down = TernaryDense(width, name="down")

    def build(self, input_shape: Any) -> None:
        self.norm.build((None, None, self.width))
        self.up.build((None, None, self.width))
        self.down.build((None, None, HIDDEN_FACTOR * self.width))

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.down(self.up(self.norm(x)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


class _Block(keras.layers.Layer):
    """What the three blocks share: sizes, the attention's norm, and the feed-forward half."""

    cross = False

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.norm = RMSNorm(name="norm")
        self.attention = Attention(width, heads, cross=self.cross, name="attention")
        self.feed_forward = FeedForward(width, name="feed_forward")

    def build(self, input_shape: Any) -> None:
        for layer in (self.norm, self.attention, self.feed_forward):
            layer.build((None, None, self.width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads}


@keras.saving.register_keras_serializable(package="bitmar")
class EncoderBlock(_Block):
    """Bidirectional self-attention; `allowed` [B, T] masks padding (None: there is none)."""

    def call(self, x: keras.KerasTensor, allowed: keras.KerasTensor | None = None) -> keras.KerasTensor:
        return self.feed_forward(x + self.attention(self.norm(x), allowed))


@keras.saving.register_keras_serializable(package="bitmar")
class CrossBlock(_Block):
    """Text tokens attend to vision tokens; memory float32 [B, S, width], allowed float32 [B, 1, T, S] or None for all."""

    cross = True

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.memory_norm.build((None, None, self.width))

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        super().__init__(width, heads, **kwargs)
        self.memory_norm = RMSNorm(name="memory_norm")

    def call(
        self, x: keras.KerasTensor, memory: keras.KerasTensor, allowed: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        return self.feed_forward(x + self.attention(self.norm(x), allowed, memory=self.memory_norm(memory)))


@keras.saving.register_keras_serializable(package="bitmar")
class DecoderBlock(_Block):
    """Causal self-attention, then the condition (memory read-out and picture) is added, then feed-forward.

    Input x float32 [B, T, width]; allowed float32 [B, 1, T, T]; condition float32 [B, width]. Packed rows: x
    [R, L, width], allowed [R, 1, L, L], condition [N, width] and `text` int32 [R, L], the text of each cell. One token of a
    stream: x [B, 1, width], its `cache` and no `allowed`.
    """

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        super().__init__(width, heads, **kwargs)
        self.condition = TernaryDense(width, name="condition")

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.condition.build((None, self.width))

    def call(
        self,
        x: keras.KerasTensor,
        allowed: keras.KerasTensor | None,
        condition: keras.KerasTensor,
        text: keras.KerasTensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> keras.KerasTensor:
        x = x + self.attention(self.norm(x), allowed, cache=cache)
        condition = self.condition(condition)
        if text is not None:
            condition = ops.take(condition, text, axis=0)
        elif len(x.shape) > len(condition.shape):  # the same for all tokens of a sequence
            condition = condition[:, None]
        return self.feed_forward(x + condition)
