"""Bidirectional text encoder: the stored or asked text, never the text that the decoder is learning to predict."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.layers import CrossBlock, EncoderBlock, RMSNorm, TernaryEmbedding


@keras.saving.register_keras_serializable(package="bitmar")
class TextEncoder(keras.layers.Layer):
    """Token and position embeddings, bidirectional blocks, then cross-modal fusion with the vision tokens.

    Input tokens int32 [B, T] with T <= max_seq_len, mask float32 [B, T] (1 = token, 0 = padding), vision tokens float32
    [B, S, width]; output float32 [B, T, width], normalised. Padding positions carry no information for the others.
    """

    def __init__(
        self,
        vocab_size: int,
        max_seq_len: int,
        width: int,
        layers: int,
        heads: int,
        fusion_layers: int,
        fusion_heads: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {
            "vocab_size": vocab_size,
            "max_seq_len": max_seq_len,
            "width": width,
            "layers": layers,
            "heads": heads,
            "fusion_layers": fusion_layers,
            "fusion_heads": fusion_heads,
        }
        self.width = width
        self.embedding = TernaryEmbedding(vocab_size, width, name="embedding")
        self.positions = TernaryEmbedding(max_seq_len, width, name="positions")
        self.blocks = [EncoderBlock(width, heads, name=f"block_{i}") for i in range(layers)]
        self.fusion = [CrossBlock(width, fusion_heads, name=f"fusion_{i}") for i in range(fusion_layers)]
        self.norm = RMSNorm(name="norm")

    def build(self, input_shape: Any = None) -> None:
        for layer in (self.embedding, self.positions, *self.blocks, *self.fusion, self.norm):
            layer.build((None, None, self.width))

    def call(
        self, tokens: keras.KerasTensor, mask: keras.KerasTensor, vision_tokens: keras.KerasTensor
    ) -> keras.KerasTensor:
        x = self.embedding(tokens) + self.positions(ops.arange(ops.shape(tokens)[1]))
        for block in self.blocks:
            x = block(x, mask[:, None, None, :])
        for block in self.fusion:
            x = block(x, vision_tokens)
        return self.norm(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}
