"""The 768 numbers of a picture -> a latent for the decoder, tokens for the fusion, and the retrieval key."""

from __future__ import annotations

from typing import Any

import keras

from model.functional import to_rows
from model.layers import RMSNorm, TernaryDense


@keras.saving.register_keras_serializable(package="bitmar")
class VisionEncoder(keras.layers.Layer):
    """768 -> hidden -> latent, and latent -> `tokens` vision tokens.

    Input float32 [B, 768] (int8 codes x scale; all zeros = no picture). `call` returns the latent, float32 [B, latent];
    `tokens(latent)` returns float32 [B, tokens, latent]. No picture gives zeros in both.
    """

    def __init__(self, input_size: int, hidden: int, latent: int, tokens: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_size, self.hidden, self.latent, self.token_count = input_size, hidden, latent, tokens
        self.norm = RMSNorm(name="norm")
        self.up = TernaryDense(hidden, activation="squared_relu", name="up")
        self.hidden_norm = RMSNorm(name="hidden_norm")
        self.down = TernaryDense(latent, name="down")
        self.to_tokens = TernaryDense(tokens * latent, name="to_tokens")

    def build(self, input_shape: Any = None) -> None:
        self.norm.build((None, self.input_size))
        self.up.build((None, self.input_size))
        self.hidden_norm.build((None, self.hidden))
        self.down.build((None, self.hidden))
        self.to_tokens.build((None, self.latent))

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.down(self.hidden_norm(self.up(self.norm(x))))

    def tokens(self, latent: keras.KerasTensor) -> keras.KerasTensor:
        return to_rows(self.to_tokens(latent), self.token_count)

    def get_config(self) -> dict[str, Any]:
        sizes = {"input_size": self.input_size, "hidden": self.hidden, "latent": self.latent}
        return {**super().get_config(), **sizes, "tokens": self.token_count}
