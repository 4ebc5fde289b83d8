"""Causal text decoder, conditioned in every layer on the memory's read-out and on the picture's latent."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.functional import KeyValueCache, class_log_probabilities, take_row, to_rows
from model.layers import DecoderBlock, RMSNorm, TernaryDense, TernaryEmbedding
from model.sequence_packing import Packing
from model.word_classes import WordClasses


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
        shortlist: int = 0,
        class_words: int = 0,
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
            "shortlist": shortlist,
            "class_words": class_words,
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
        self.classes = WordClasses(vocab_size, shortlist, class_words) if class_words else None
        self.class_head = TernaryDense(self.classes.count, name="class_head") if self.classes else None

    def build(self, input_shape: Any = None) -> None:
        for layer in (self.embedding, self.positions, *self.blocks, self.norm):
            layer.build((None, None, self.width))
        self.expand.build((None, self.context_dim))
        self.from_position.build((None, None, self.features))
        self.from_context.build((None, self.context_dim))
        self.from_latent.build((None, self.latent))
        if self.class_head:
            self.class_head.build((None, None, self.width))

    def call(
        self,
        inputs: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        packing: Packing | None = None,
        words: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """inputs int32 [B, T] (<bos> first), context float32 [B, D], latent float32 [B, L] -> logits float32 [B, T, V].

        With a `packing` of N texts: inputs int32 [R, L], context [N, D], latent [N, L] -> logits [R, L, V].
        With `words`, int32 [S]: the logits of these words alone, [B, T, S] or [R, L, S]. A head with classes gives the log
        probabilities of all words, or, with `words`, the words' logits and after them the classes', [..., S + count].
        """
        x = self.hidden(inputs, context, latent, packing)
        logits = self.embedding.logits(x, words)
        if not self.class_head:
            return logits
        if words is None:
            return class_log_probabilities(logits, self.class_head(x), self.classes)
        return ops.concatenate([logits, self.class_head(x)], -1)

    def likeliest(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The next word as the device chooses it: `hidden` float32 [..., width] -> int32 [...]."""
        if not self.class_head:
            return ops.cast(ops.argmax(self.embedding.logits(x), axis=-1), "int32")
        return self._best_words(x, 1)[0][..., 0]

    def _best_words(self, x: keras.KerasTensor, k: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        if self.class_head:
            return self.embedding.class_top_k(x, self.class_head(x), k, self.classes)
        return self.embedding.top_k(x, k)

    def hidden(
        self,
        inputs: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        packing: Packing | None = None,
    ) -> keras.KerasTensor:
        """What the head reads, float32 [B, T, width] or [R, L, width]; arguments as for `call`."""
        expanded = self._expanded(context)
        if packing is None:
            count, length = ops.shape(inputs)
            positions, text = ops.arange(length), None
            causal = ops.tile(ops.tril(ops.ones((length, length)))[None, None], (count, 1, 1, 1))  # see Streams.causal
            own = expanded[:, :length]
        else:
            positions, text, causal = packing.position, packing.text, packing.causal()
            cells = ops.reshape(expanded, (-1, self.features))
            own = ops.take(cells, text * self.max_seq_len + positions, axis=0)
        x = self._embedded(inputs, positions, own)
        condition = self._condition(context, latent)
        for block in self.blocks:
            x = block(x, causal, condition, text)
        return self.norm(x)

    def step(
        self,
        token: keras.KerasTensor,
        slot: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        caches: list[KeyValueCache],
        k: int,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """One token of a stream, as the device decodes: the k likeliest next tokens.

        Args: token int32 [B, 1]; slot int32 [1], where the caches keep the token: it has that slot's learned position; context
            float32 [B, D]; latent float32 [B, L]; caches: one a layer.
        Returns: (ids int32 [B, 1, k], logits float32 [B, 1, k]), descending; with classes see model.functional.class_top_k.
        """
        x = self._embedded(token, slot, take_row(self._expanded(context), slot))
        condition = self._condition(context, latent)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, None, condition, cache=cache)
        return self._best_words(self.norm(x), k)

    def _expanded(self, context: keras.KerasTensor) -> keras.KerasTensor:
        """What the context holds about each position: float32 [B, D] -> [B, max_seq_len, features]."""
        return to_rows(self.expand(context), self.max_seq_len)

    def _embedded(
        self, tokens: keras.KerasTensor, positions: keras.KerasTensor, own: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Token, position and the context's features of that position: float32 [B, T, width]."""
        return self.embedding(tokens) + self.positions(positions) + self.from_position(own)

    def _condition(self, context: keras.KerasTensor, latent: keras.KerasTensor) -> keras.KerasTensor:
        """What every layer is conditioned on: float32 [B, width]."""
        return self.from_context(context) + self.from_latent(latent)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}
