"""Causal text decoder, conditioned in every layer on the memory's read-out and on the picture's latent."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.layers import DecoderBlock, RMSNorm, TernaryDense, TernaryEmbedding


@keras.saving.register_keras_serializable(package="bitmar")
class TextDecoder(keras.layers.Layer):
    """Predicts token t + 1 from tokens 0..t, the context read from memory and the picture's latent.

    The context is also expanded to `features` numbers for each position (the mirror image of EpisodeHead): position t receives
    what the episode holds about token t.
    """

    def __init__(
        self,
        vocab_size: int,
        max_seq_len: int,
        width: int,
        layers: int,
        heads: int,
        context_dim: int,
        features: int,
        latent: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {
            "vocab_size": vocab_size,
            "max_seq_len": max_seq_len,
            "width": width,
            "layers": layers,
            "heads": heads,
            "context_dim": context_dim,
            "features": features,
            "latent": latent,
        }
        self.width, self.max_seq_len, self.features = width, max_seq_len, features
        self.context_dim, self.latent = context_dim, latent
        self.embedding = TernaryEmbedding(vocab_size, width, name="embedding")
        self.positions = TernaryEmbedding(max_seq_len, width, name="positions")
        self.expand = TernaryDense(max_seq_len * features, name="expand")
        self.from_position = TernaryDense(width, name="from_position")
        self.from_context = TernaryDense(width, name="from_context")
        self.from_latent = TernaryDense(width, name="from_latent")
        self.blocks = [DecoderBlock(width, heads, name=f"block_{i}") for i in range(layers)]
        self.norm = RMSNorm(name="norm")

    def build(self, input_shape: Any = None) -> None:
        for layer in (self.embedding, self.positions, *self.blocks, self.norm):
            layer.build((None, None, self.width))
        self.expand.build((None, self.context_dim))
        self.from_position.build((None, None, self.features))
        self.from_context.build((None, self.context_dim))
        self.from_latent.build((None, self.latent))

    def call(
        self, inputs: keras.KerasTensor, context: keras.KerasTensor, latent: keras.KerasTensor
    ) -> keras.KerasTensor:
        """inputs int32 [B, T] (<bos> first), context float32 [B, D], latent float32 [B, L] -> logits float32 [B, T, V]."""
        length = inputs.shape[1]
        expanded = ops.reshape(self.expand(context), (-1, self.max_seq_len, self.features))
        x = self.embedding(inputs) + self.positions(ops.arange(length))
        x = x + self.from_position(expanded[:, :length])
        condition = self.from_context(context) + self.from_latent(latent)
        causal = ops.tril(ops.ones((length, length)))[None, None]
        for block in self.blocks:
            x = block(x, causal, condition)
        return self.embedding.logits(self.norm(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}
