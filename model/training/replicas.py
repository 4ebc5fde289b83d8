"""A run's replicas, by tf.distribute: one alone, or several devices, each with its share of the batch (shares.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.training.batches import Batch
from model.training.shares import Divided, share_of
from model.training.step import METRICS, TrainStep, make_optimizer


class OneProcess:
    """One process on one device: everything is its own."""

    replicas = 1
    chief = True  # writes the run's folder
    shared = False  # with other processes

    def trainer(self, model: BitMar) -> tuple[BitMar, keras.optimizers.Optimizer, TrainStep]:
        """The model as it is trained, its optimizer and its step."""
        optimizer = make_optimizer(model)
        return model, optimizer, TrainStep(model, optimizer)

    def from_chief(self, values: np.ndarray) -> np.ndarray:
        """The chief's float64 [n], on every worker."""
        return values

    def agree(self, asked: bool, seconds: float) -> tuple[bool, float]:
        """After a step, the same on every worker: whether one was asked to stop, and the chief's seconds."""
        return asked, seconds

    def check_same(self, digest: str) -> None:
        """BitmarError on every worker if one has another configuration or other data than the chief."""

    @contextmanager
    def together(self, step: int | None = None) -> Iterator[None]:
        """Around what all workers do together: BitmarError where another one is lost."""
        yield


class Mirrored(OneProcess):
    """Several devices of this process: each holds the weights and computes its share of the rows."""

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync

    def trainer(self, model: BitMar) -> tuple[BitMar, keras.optimizers.Optimizer, TrainStep]:
        """As OneProcess.trainer; another model of equal weights."""
        with self.strategy.scope():
            mirrored = BitMar(model.config)
            copy_weights(model, mirrored)
            optimizer = make_optimizer(mirrored)
        return mirrored, optimizer, DividedStep(mirrored, optimizer, self.strategy)


class DividedStep(TrainStep):
    """A step on several replicas; each batch is cut into their shares."""

    def __init__(self, model: BitMar, optimizer: keras.optimizers.Optimizer, strategy: tf.distribute.Strategy) -> None:
        super().__init__(model, optimizer, Divided(strategy.num_replicas_in_sync))
        self.strategy = strategy
        self._step = tf.function(lambda batch: strategy.run(self.update, args=(batch,)))

    def __call__(self, batch: Batch, learning_rate: float) -> dict[str, float]:
        self.optimizer.learning_rate.assign(learning_rate)
        shares = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.nest.map_structure(
                tf.constant, share_of(batch, context.replica_id_in_sync_group, self.share.count)
            )
        )
        values = self.strategy.experimental_local_results(self._step(shares))[0].numpy()
        return dict(zip(METRICS, values.tolist(), strict=True))


def copy_weights(source: BitMar, target: BitMar) -> None:
    """Make `target` equal to `source`, a model of the same configuration."""
    for of, to in zip(source.variables, target.variables, strict=True):
        to.assign(of.numpy())
