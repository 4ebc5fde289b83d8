"""Several processes train one model together, on one machine or many: tf.distribute.MultiWorkerMirroredStrategy.

A worker that is killed ends all others within seconds: a connection breaks, or TensorFlow's coordination service misses its
heartbeats, and the collectives are aborted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from bitmar.errors import BitmarError
from model.training.cluster import Cluster
from model.training.rendezvous import meet
from model.training.replicas import Mirrored

JOIN_SECONDS = 120  # for all workers to be there
# what collectives raise when another worker is gone; which one depends on where it was
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


class Workers(Mirrored):
    """Several processes, on one machine or many; the first is the chief and writes the run's folder."""

    shared = True

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.chief = cluster, cluster.chief
        meet(cluster, JOIN_SECONDS)
        try:
            super().__init__(tf.distribute.MultiWorkerMirroredStrategy())
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise BitmarError(f"{self} at {cluster.workers[cluster.index]}: {first_line(error)}") from None
        self._sum = tf.function(self._summed)

    def __str__(self) -> str:
        return f"worker {self.cluster.index} of {len(self.cluster.workers)}"

    def _summed(self, values: Any) -> tf.Tensor:
        def run(values: tf.Tensor) -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

        return self.strategy.run(run, args=(values,))

    def _sum_over_workers(self, values: np.ndarray) -> np.ndarray:
        """float64 [n] of each worker -> their sum."""
        given = iter([values])
        with self.together():
            shared = self.strategy.experimental_distribute_values_from_function(
                lambda _: tf.constant(next(given, np.zeros_like(values)))  # this process's other replicas add nothing
            )
            return self.strategy.experimental_local_results(self._sum(shared))[0].numpy()

    def from_chief(self, values: np.ndarray) -> np.ndarray:
        """As OneProcess.from_chief: the sum of the chief's values and of zeros."""
        values = np.asarray(values, np.float64)
        return self._sum_over_workers(values if self.chief else np.zeros_like(values))

    def agree(self, asked: bool, seconds: float) -> tuple[bool, float]:
        """As OneProcess.agree."""
        stops, seconds = self._sum_over_workers(np.array([asked, seconds * self.chief], np.float64))
        return stops > 0, float(seconds)

    def check_same(self, digest: str) -> None:
        """As OneProcess.check_same. digest: hex."""
        mine = np.array([int(digest[i : i + 8], 16) for i in range(0, len(digest), 8)], np.float64)
        differs = np.zeros(len(self.cluster.workers))
        differs[self.cluster.index] = not np.array_equal(self.from_chief(mine), mine)
        if len(others := np.flatnonzero(self._sum_over_workers(differs))):
            raise BitmarError(
                f"worker {others[0]} has another configuration or other data than worker 0, expected the same on all"
            )

    @contextmanager
    def together(self, step: int | None = None) -> Iterator[None]:
        """As OneProcess.together."""
        try:
            yield
        except LOST as error:
            where = "" if step is None else f", step {step}"
            raise BitmarError(
                f"{self}{where}: another worker has ended or cannot be reached; start all of them again with --resume "
                f"({first_line(error)})"
            ) from None


def first_line(error: Exception) -> str:
    """What TensorFlow says in several lines, in one."""
    lines = [
        line.strip().rpartition("}} ")[2] for line in str(getattr(error, "message", error)).splitlines() if line.strip()
    ]
    telling = [line for line in lines if not line.startswith(("Graph execution error", "Detected at", "File "))]
    return (telling or lines or [type(error).__name__])[0][:200]
