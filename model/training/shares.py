"""A step's batch divided among replicas: which part each computes, and where sums over all of them come in.

The batch is that of one process, the same for any number of replicas. Only its packed rows are divided, encoder's and decoder's.
The episodes, one a text, are summed over all replicas, with gradient: each text is zeros but where its row lies. What is computed
by the text or by the picture (latents, keys, memories, contexts, the contrastive loss over all pairs) each replica computes for
the whole batch. The replicas' losses add up to the batch's loss, and their gradients to its gradient.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from bitmar.errors import BitmarError
from model.training.batches import Batch
from model.training.losses import TINY, weighted_mean


class Whole:
    """One replica computes everything; its sums are the sums."""

    def summed(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """Each tensor's sum over all replicas; the gradient of a sum is the sum of the gradients."""
        return values

    def once(self, value: tf.Tensor) -> tf.Tensor:
        """A number that every replica computes for the whole batch, so that the replicas' sum is that number."""
        return value

    def means(self, values: tf.Tensor, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        """This replica's part of sum(values * w) / sum(w) over the whole batch, for each w; w without gradient."""
        return [weighted_mean(values, w) for w in weights]


class Divided(Whole):
    """One of `count` replicas, inside tf.distribute.Strategy.run."""

    def __init__(self, count: int) -> None:
        self.count = count

    def summed(self, values: list[tf.Tensor]) -> list[tf.Tensor]:
        """One all-reduce of all tensors."""
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def once(self, value: tf.Tensor) -> tf.Tensor:
        """The number's `count`-th part."""
        return value / self.count

    def means(self, values: tf.Tensor, weights: list[tf.Tensor]) -> list[tf.Tensor]:
        """The weights are summed over all replicas, the values over this one's rows."""
        (totals,) = self.summed([tf.stop_gradient(tf.stack([tf.reduce_sum(w) for w in weights]))])
        return [tf.reduce_sum(values * w) / tf.maximum(totals[i], TINY) for i, w in enumerate(weights)]


def check_divisible(encoder_rows: int, decoder_rows: int, count: int) -> None:
    """BitmarError unless each of `count` replicas has rows to compute."""
    rows = min(encoder_rows, decoder_rows)
    if count > rows:
        raise BitmarError(
            f"{count} replicas, but a step's batch is packed into {rows} rows; "
            f"expected at most {rows} replicas, or a larger batch or more phrases in the configuration"
        )


def _bounds(rows: int, index: int, count: int) -> tuple[int, int]:
    """The first of replica `index`'s rows, and the one after its last."""
    return rows * index // count, rows * (index + 1) // count


def share_of(batch: Batch, index: int, count: int) -> Batch:
    """The batch as replica `index` of `count` sees it: its own rows, equally many for all (the last may be empty padding).

    Texts that lie in other rows are absent from `encoder`: EpisodeHead makes zeros of them. `decoder.cells` and `present` stay
    those of the whole batch, nothing is gathered from the decoder.
    """

    def cut(rows: np.ndarray, padding: int = 0) -> np.ndarray:
        first, end = _bounds(len(rows), index, count)
        out = np.full((-(-len(rows) // count), *rows.shape[1:]), padding, rows.dtype)
        out[: end - first] = rows[first:end]
        return out

    rows, columns = batch.tokens.shape
    first, end = _bounds(rows, index, count)
    here = (batch.encoder.cells // columns >= first) & (batch.encoder.cells // columns < end)
    encoder, decoder = (
        p._replace(position=cut(p.position), segment=cut(p.segment, -1), text=cut(p.text), members=cut(p.members))
        for p in (batch.encoder, batch.decoder)
    )
    return batch._replace(
        tokens=cut(batch.tokens),
        encoder=encoder._replace(
            cells=(batch.encoder.cells - first * columns) * here, present=batch.encoder.present * here
        ),
        decoder=decoder,
        **{name: cut(getattr(batch, name)) for name in DECODER_ROWS},
    )


DECODER_ROWS = ("previous", "targets", "recall_weight", "phrase_weight", "caption_weight")
