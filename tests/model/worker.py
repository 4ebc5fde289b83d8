"""`pipeline.py` as one of several workers, which may kill itself: python -m tests.model.worker CPUS KILL_STEP WORDS...

CPUS: how many devices TensorFlow makes of the processor. KILL_STEP: SIGKILL to itself when that step's batch is made (0: never).
A checkpoint is written after every step, that of the first is kept as first.npz.
"""

import math
import os
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any


def settings() -> list[tuple[Any, str, Any]]:
    """What the comparison of runs needs, as arguments of setattr, in one process and in many.

    Gradients are multiplied in float32: bfloat16 rounds each replica's part of a sum.
    """
    from model import functional
    from model.training import checkpoint, loop

    return [
        (loop, "CHECKPOINT_SECONDS", -math.inf),
        (functional, "GRADIENT", "float32"),
        (checkpoint, "save", keeping_first(checkpoint.save)),
    ]


def keeping_first(save: Callable) -> Callable:
    def saved(path: Any, model: Any, optimizer: Any, schedule: Any) -> None:
        save(path, model, optimizer, schedule)
        if schedule.step == 1:
            shutil.copyfile(path, path.with_name("first.npz"))

    return saved


def main(cpus: int, kill_step: int, words: list[str]) -> int:
    import tensorflow as tf

    import pipeline
    from model.training.batches import BatchMaker

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * cpus)
    for where, name, value in settings():
        setattr(where, name, value)
    batch = BatchMaker.batch

    def made(self: BatchMaker, step: int) -> object:
        if step + 1 == kill_step:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(self, step)

    BatchMaker.batch = made
    return pipeline.main(words)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
