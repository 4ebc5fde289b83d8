"""Episodic memory: what goes into a slot, how slots are found and how they are read."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.functional import memory_read, slot_rounded, to_vector
from model.layers import RMSNorm, TernaryDense, l2_normalize, window_normalize
from model.quantizers import int8_rounded
from model.sequence_packing import Packing


@keras.saving.register_keras_serializable(package="bitmar")
class EpisodeHead(keras.layers.Layer):
    """Encoded text -> episode z, position by position: a name that was never seen comes back exactly.

    Every token position is projected to `features` numbers; all positions are concatenated and projected to `dim`.
    Input h float32 [B, T, width] with T <= positions, mask [B, T] (1 = token); output float32 [B, dim], normalised and rounded
    to IEEE half as on the card. No text gives zeros. With a `packing` of N texts: h [R, L, width], mask unused, output [N, dim].
    """

    def __init__(self, positions: int, features: int, dim: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.positions, self.features, self.dim, self.width = positions, features, dim, width
        self.per_position = TernaryDense(features, name="per_position")
        self.project = TernaryDense(dim, name="project")
        self.norm = RMSNorm(name="norm")

    def build(self, input_shape: Any = None) -> None:
        self.per_position.build((None, None, self.width))
        self.project.build((None, self.positions * self.features))
        self.norm.build((None, self.dim))

    def call(
        self, h: keras.KerasTensor, mask: keras.KerasTensor | None, packing: Packing | None = None
    ) -> keras.KerasTensor:
        x = self.per_position(h)
        return self.combine(
            packing.gather(x) if packing else x * ops.reshape(ops.cast(mask, "float32"), (*ops.shape(mask), 1))
        )

    def combine(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The positions' features, float32 [B, T, features], zeros where there is no token -> episode float32 [B, dim]."""
        if missing := self.positions - x.shape[-2]:
            x = ops.pad(x, ((0, 0), (0, missing), (0, 0)))  # zeros leave the matrix product unchanged
        return slot_rounded(self.norm(self.project(to_vector(x))))

    def get_config(self) -> dict[str, Any]:
        sizes = {"positions": self.positions, "features": self.features, "dim": self.dim, "width": self.width}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="bitmar")
class KeyHead(keras.layers.Layer):
    """Unit keys and queries: from the picture, the text, or both (their projections add up).

    `call(vision, episode)` -> (key, query), float32 [B, dim] each. key: of the picture alone, as it is stored. query: of the
    picture (all zeros = none) plus the text's episode (all zeros = none). The picture's four windows are normalised each for
    itself before the whole is: a window with little in it counts as much as the others.
    """

    def __init__(self, vision_size: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vision_size, self.dim = vision_size, dim
        self.vision_norm = RMSNorm(name="vision_norm")
        self.from_vision = TernaryDense(dim, name="from_vision")
        self.from_text = TernaryDense(dim, name="from_text")

    def build(self, input_shape: Any = None) -> None:
        self.vision_norm.build((None, self.vision_size))
        self.from_vision.build((None, self.vision_size))
        self.from_text.build((None, self.dim))

    def call(
        self, vision: keras.KerasTensor, episode: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        seen = self._seen(vision)
        return l2_normalize(seen), l2_normalize(seen + self.from_text(episode))

    def _seen(self, vision: keras.KerasTensor) -> keras.KerasTensor:
        return self.from_vision(self.vision_norm(window_normalize(vision)))

    def of_picture(self, vision: keras.KerasTensor) -> keras.KerasTensor:
        """Key of a picture, and its query where no text is given: float32 [B, vision_size] -> [B, dim]."""
        return l2_normalize(self._seen(vision))

    def of_text(self, episode: keras.KerasTensor) -> keras.KerasTensor:
        """Query of a text alone: float32 [B, dim] -> [B, dim]."""
        return l2_normalize(self.from_text(episode))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vision_size": self.vision_size, "dim": self.dim}


@keras.saving.register_keras_serializable(package="bitmar")
class EpisodicMemory(keras.layers.Layer):
    """Reads episodes out of K slots; K is not in the weights, so one model runs with any number of slots.

    Scores are cosines of int8 keys and queries, as the card's index holds them. The `top_k` best slots are attended exactly:
    softmax(scores / temperature) over ternary value projections.
    """

    def __init__(self, dim: int, top_k: int, temperature: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim, self.top_k, self.temperature = dim, top_k, temperature
        self.value = TernaryDense(dim, name="value")

    def build(self, input_shape: Any = None) -> None:
        self.value.build((None, self.dim))

    def scores(self, query: keras.KerasTensor, keys: keras.KerasTensor) -> keras.KerasTensor:
        """query float32 [S, Q, dim], keys float32 [S, K, dim] -> cosines float32 [S, Q, K] of their int8 forms."""
        return ops.matmul(int8_rounded(query), ops.transpose(int8_rounded(keys), (0, 2, 1)))

    def call(self, query: keras.KerasTensor, keys: keras.KerasTensor, episodes: keras.KerasTensor) -> Any:
        """S memories of K slots, asked Q times each.

        Args: query float32 [S, Q, dim]; keys, episodes float32 [S, K, dim].
        Returns: (context float32 [S, Q, dim], scores float32 [S, Q, K]).
        """
        scores = self.scores(query, keys)
        k = min(self.top_k, keys.shape[1])
        least = ops.top_k(scores, k)[0][..., -1:]
        return self.read(scores, episodes, scores >= least), scores

    def read(
        self, scores: keras.KerasTensor, episodes: keras.KerasTensor, allowed: keras.KerasTensor
    ) -> keras.KerasTensor:
        """The context that the `allowed` slots give: scores, allowed [S, Q, K], episodes [S, K, dim] -> [S, Q, dim]."""
        return memory_read(scores, self.value(episodes), allowed, self.temperature)

    def context_of(self, episode: keras.KerasTensor) -> keras.KerasTensor:
        """The read-out of a memory in which only this episode answers; float32 [B, dim] -> [B, dim]."""
        return self.value(episode)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dim": self.dim, "top_k": self.top_k, "temperature": self.temperature}
