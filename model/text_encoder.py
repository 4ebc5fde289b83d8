"""Bidirectional text encoder: the stored or asked text, never the text that the decoder is learning to predict."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.layers import CrossBlock, EncoderBlock, RMSNorm, TernaryEmbedding
from model.sequence_packing import Packing


@keras.saving.register_keras_serializable(package="bitmar")
class TextEncoder(keras.layers.Layer):
    """Token and position embeddings, bidirectional blocks, then cross-modal fusion with the vision tokens.

    Input tokens int32 [B, T] with T <= max_seq_len, mask [B, T] (1 = token, 0 = padding), vision tokens float32
    [B, S, width]; output float32 [B, T, width], normalised. Padding positions carry no information for the others.
    With a `packing` of N texts: tokens int32 [R, L], mask unused, vision tokens [N, S, width]; output [R, L, width].
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
        self,
        tokens: keras.KerasTensor,
        mask: keras.KerasTensor | None,
        vision_tokens: keras.KerasTensor,
        packing: Packing | None = None,
    ) -> keras.KerasTensor:
        if packing is None:
            positions, allowed = ops.arange(ops.shape(tokens)[-1], dtype="int32"), mask
            memory, memory_allowed = vision_tokens, None
        else:
            each = vision_tokens.shape[1]
            positions, allowed = packing.position, packing.same_text()
            memory = ops.take(vision_tokens, packing.members, axis=0)
            memory = ops.reshape(memory, (-1, packing.members.shape[1] * each, self.width))
            memory_allowed = packing.members_allowed(each)
        x = self.embedding(tokens) + self.positions(positions)
        for block in self.blocks:
            x = block(x, allowed)
        for block in self.fusion:
            x = block(x, memory, memory_allowed)
        return self.norm(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}
