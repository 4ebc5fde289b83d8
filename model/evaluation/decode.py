"""Greedy decoding of many rows at once."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from model.bitmar import BitMar

ROWS = 256  # a chunk; the last one is padded, so that each stage is traced once
FIRST_STAGE = 8  # tokens; most names end within them, the others go on in stages of twice the length


class GreedyDecoder:
    """Decodes from <bos>, always the likeliest token, until <eos> or max_seq_len tokens, as the device does.

    The prefix is computed again for each token (no cache): rows are many and names short.
    """

    def __init__(self, model: BitMar) -> None:
        self.model = model
        self._stages: dict[int, tf.types.experimental.GenericFunction] = {}

    def __call__(self, context: np.ndarray, latent: np.ndarray) -> np.ndarray:
        """context float32 [N, D], latent float32 [N, L] -> ids int32 [N, max_seq_len], padding after <eos>."""
        c = self.model.config
        ids = np.full((len(context), c.max_seq_len), c.pad_id, np.int32)
        done = np.zeros(len(context), bool)
        start, length = 0, min(FIRST_STAGE, c.max_seq_len)
        while True:
            rows = np.flatnonzero(~done)
            for first in range(0, len(rows), ROWS):
                part = rows[first : first + ROWS]
                pad = np.resize(part, ROWS)  # repeats rows to fill the chunk
                stage = self._stage(start, length)
                ids[part, :length] = stage(ids[pad, :length], context[pad], latent[pad]).numpy()[: len(part)]
            ended = (ids[:, :length] == c.eos_id).any(1)
            done = ended
            if done.all() or length == c.max_seq_len:
                break
            start, length = length, min(2 * length, c.max_seq_len)
        after = np.cumsum(ids == c.eos_id, axis=1) - (ids == c.eos_id) > 0
        ids[after] = c.pad_id
        return ids

    def _stage(self, start: int, length: int) -> tf.types.experimental.GenericFunction:
        """Positions `start` to `length` - 1 of rows whose earlier positions are given."""
        if length not in self._stages:

            @tf.function(reduce_retracing=True)
            def run(ids: tf.Tensor, context: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
                bos = tf.fill((ROWS, 1), self.model.config.bos_id)
                for position in tf.range(start, length):
                    best = self.model.likeliest(tf.concat([bos, ids[:, :-1]], 1), context, latent, position)
                    ids = tf.where(tf.range(length) == position, best[:, None], ids)
                return ids

            self._stages[length] = run
        return self._stages[length]
