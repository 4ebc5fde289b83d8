"""An embedding table of ternary codes that can also serve as the output head (tied weights)."""

from __future__ import annotations

from typing import Any

import keras

from model.functional import class_top_k, logits_of_words, ternary_embedding, ternary_logits, top_k
from model.word_classes import WordClasses


@keras.saving.register_keras_serializable(package="bitmar")
class TernaryEmbedding(keras.layers.Layer):
    """Rows of ternary codes times one gamma.

    Input int32 [...] in [0, rows); output float32 [..., dim]. `logits(x)` is the tied head: x float32 [..., dim] ->
    float32 [..., rows], x quantised to int8 as for every ternary matrix; of some `words` only, int32 [S] -> float32 [..., S].
    `embeddings` is float32 [rows, dim].
    """

    def __init__(self, rows: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows
        self.dim = dim

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.rows, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=0.05),
            trainable=True,
        )

    def call(self, ids: keras.KerasTensor) -> keras.KerasTensor:
        return ternary_embedding(ids, self.embeddings)

    def logits(self, x: keras.KerasTensor, words: keras.KerasTensor | None = None) -> keras.KerasTensor:
        return ternary_logits(x, self.embeddings) if words is None else logits_of_words(x, self.embeddings, words)

    def top_k(self, x: keras.KerasTensor, k: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The k largest logits: (ids int32 [..., k], logits float32 [..., k]), descending."""
        return top_k(x, self.embeddings, k)

    def class_top_k(
        self, x: keras.KerasTensor, class_logits: keras.KerasTensor, k: int, classes: WordClasses
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See model.functional.class_top_k."""
        return class_top_k(x, self.embeddings, class_logits, k, classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows, "dim": self.dim}
