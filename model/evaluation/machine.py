"""What an evaluation asks: a trained model in Keras, or its flatbuffers in a runtime (deploy/flatbuffer_machine.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.data.tokenizers import TextTokenizer
from model.discriminant import unit
from model.sequence_packing import previous_tokens

CHUNK = 128
ROWS = (8, 16, 32)  # tokens, <eos> included: texts of similar length share a chunk; longer ones take max_tokens


class Encoded(NamedTuple):
    """What n texts and pictures become: episode, key, query float32 [n, D], latent float32 [n, L]."""

    episode: np.ndarray
    key: np.ndarray
    query: np.ndarray
    latent: np.ndarray


class Machine(Protocol):
    """Teaches and answers in batches. Tokens are lists without <eos>; an empty list is no text, a zero picture none."""

    max_tokens: int
    episode_dim: int

    def tokenise(self, text: str) -> list[int]:
        """Token ids, as many as there are."""
        ...

    def encode(self, tokens: list[list[int]], pictures: np.ndarray) -> Encoded:
        """Texts and pictures float32 [n, 768] together."""
        ...

    def context(self, episodes: np.ndarray) -> np.ndarray:
        """What the decoder gets when one slot answers alone: float32 [n, D] -> [n, D]."""
        ...

    def bytes_of(self, token: int) -> int:
        """How many bytes a token stands for."""
        ...

    def right_tokens(self, context: np.ndarray, tokens: list[list[int]]) -> np.ndarray:
        """int [n]: with how many of these tokens greedy decoding without a picture begins; <eos> behind them counts as one."""
        ...


class KerasMachine:
    """The model as it was trained, in batches."""

    def __init__(self, model: BitMar, tokenizer: TextTokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.max_tokens, self.episode_dim = model.config.max_seq_len, model.config.episode_dim
        self._encode = tf.function(self._encoded)
        self._likeliest = tf.function(self._best)

    def tokenise(self, text: str) -> list[int]:
        """Token ids, as many as there are."""
        return self.tokenizer.encode(text)

    def encode(self, tokens: list[list[int]], pictures: np.ndarray) -> Encoded:
        """Texts and pictures float32 [n, 768] together."""
        pictures = np.asarray(pictures, np.float32)
        c, count = self.model.config, len(tokens)
        sizes = (c.episode_dim, c.episode_dim, c.episode_dim, c.vision_latent_size)
        out = [np.zeros((count, size), np.float32) for size in sizes]
        for part, real, length in self._chunks(tokens):
            ids = np.full((CHUNK, length), self.tokenizer.pad, np.int32)
            mask = np.zeros((CHUNK, length), np.float32)
            for row, index in enumerate(part):
                text = tokens[index]
                ids[row, : len(text)], mask[row, : len(text)] = text, 1.0
            for whole, rows in zip(out, self._encode(ids, mask, pictures[part]), strict=True):
                whole[part[:real]] = rows.numpy()[:real]
        return Encoded(*out)

    def context(self, episodes: np.ndarray) -> np.ndarray:
        """What the decoder gets when one slot answers alone: float32 [n, D] -> [n, D]."""
        return self.model.memory.context_of(tf.constant(episodes)).numpy()

    def bytes_of(self, token: int) -> int:
        """How many bytes a token stands for: a byte-level vocabulary has a letter for each."""
        return len(self.tokenizer.tokenizer.id_to_token(token))

    def right_tokens(self, context: np.ndarray, tokens: list[list[int]]) -> np.ndarray:
        """int [n]: with how many of these tokens greedy decoding without a picture begins; <eos> behind them counts as one.

        A token counts if it and each before it is the likeliest after those before, which one pass over the whole text tells.
        """
        c, right = self.model.config, np.zeros(len(tokens), np.int64)
        latent = np.zeros((CHUNK, c.vision_latent_size), np.float32)
        for part, real, length in self._chunks(tokens):
            targets = np.full((CHUNK, length), c.pad_id, np.int32)
            counted = np.zeros((CHUNK, length), bool)
            for row, index in enumerate(part):
                text = [*tokens[index], c.eos_id]
                targets[row, : len(text)], counted[row, : len(text)] = text, True
            previous = previous_tokens(targets, c.bos_id)
            likeliest = self._likeliest(previous, np.asarray(context)[part], latent).numpy()
            agree = np.logical_and.accumulate((likeliest == targets) & counted, axis=1)
            right[part[:real]] = agree.sum(1)[:real]
        return right

    def _encoded(self, tokens: tf.Tensor, mask: tf.Tensor, pictures: tf.Tensor) -> tuple[tf.Tensor, ...]:
        out = self.model.encode(tokens, mask, pictures)
        return out["episode"], out["key"], out["query"], out["latent"]

    def _best(self, previous: tf.Tensor, context: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
        return self.model.likeliest(previous, context, latent)

    def _chunks(self, tokens: list[list[int]]) -> Iterator[tuple[np.ndarray, int, int]]:
        """(indices int64 [CHUNK], how many of them count, length of the rows): the last chunk repeats its texts."""
        lengths = np.array([len(text) + 1 for text in tokens])
        least = 0
        for length in (*(row for row in ROWS if row < self.max_tokens), self.max_tokens):
            rows = np.flatnonzero((lengths > least) & (lengths <= length))
            for first in range(0, len(rows), CHUNK):
                part = rows[first : first + CHUNK]
                yield np.resize(part, CHUNK), len(part), length
            least = length


def int8_units(x: np.ndarray) -> np.ndarray:
    """Rows as the card's index holds them: the int8 form of each, of unit length; float32 [n, D]."""
    x = np.asarray(x, np.float32)
    largest = np.maximum(np.abs(x).max(-1, keepdims=True), np.float32(1e-5))
    codes = np.clip(np.rint(x * (np.float32(127) / largest)), -127, 127)
    return unit(codes)
