"""Whole streams of running text at once, as the decoder's cache would see them token by token."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from model.config import BitMarConfig
from model.functional import cache_slot


class Streams(NamedTuple):
    """Where the tokens of R streams stand in the decoder's cache; takes the place of a Packing in TextDecoder.call.

    Each token has the learned position of its slot and attends to what the cache holds when it comes: the first `sinks` tokens
    and the last window - sinks, itself among them. Keys and values are those of their own time, so one pass over the whole
    stream computes what `TextDecoder.step` computes token by token.
    """

    position: keras.KerasTensor  # int32 [R, L] cache slot
    text: keras.KerasTensor  # int32 [R, L] number of the stream
    held: np.ndarray  # bool [L, L]: does the cache hold the second token when the first one comes

    def causal(self) -> keras.KerasTensor:
        """float32 [R, 1, L, L]: 1 where the first token attends to the second.

        The same for each stream, and yet one for each: TensorFlow fuses a mask of [1, 1, L, L] into the product before it, and
        oneDNN has no fast kernel for that (x86-64, 8 rows: 100 times as long for 128 tokens, 250 times for 512).
        """
        held = ops.cast(self.held, "float32")[None, None]
        return ops.tile(held, (self.position.shape[0], 1, 1, 1))


def streams(count: int, length: int, config: BitMarConfig) -> Streams:
    """`count` streams of `length` tokens each, <bos> included, through the configuration's window."""
    window, sinks = config.max_seq_len, config.attention_sinks
    at = np.arange(length, dtype=np.int32)
    slots = cache_slot(ops.convert_to_tensor(at), window, sinks)
    query, key = at[:, None], at[None]
    held = (key <= query) & ((key < sinks) | (query - key < window - sinks) | (query < window))
    rows = np.arange(count, dtype=np.int32)[:, None]
    return Streams(ops.tile(slots[None], (count, 1)), ops.convert_to_tensor(np.tile(rows, length)), held)
