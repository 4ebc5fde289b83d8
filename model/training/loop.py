"""The training loop: batches ahead of time, steps, log, checkpoints, an orderly end on Ctrl-C, none after a broken number."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

import keras
import tensorflow as tf

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.config import BitMarConfig
from model.training import checkpoint
from model.training.batches import BatchMaker, TrainingSet
from model.training.channel import set_channel
from model.training.keys import train_keys
from model.training.log import Bar, CsvLog, NoLog
from model.training.replicas import OneProcess, copy_weights
from model.training.run_folder import RunFolder
from model.training.schedule import Schedule
from model.training.shares import check_divisible
from model.training.words import start_words

CHECKPOINT_SECONDS = 60


class Interrupt:
    """Set by Ctrl-C or SIGTERM; looked at between steps, so that a checkpoint never splits one."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    @contextmanager
    def installed(self) -> Iterator[Interrupt]:
        """Catch SIGINT and SIGTERM; a second one raises KeyboardInterrupt at once."""
        old = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


class Training:
    """A model in training. `run` returns True when the schedule is done, False when it was interrupted (and saved).

    `replicas`: who trains it; of several workers only the chief reads and writes the folder.
    """

    def __init__(
        self,
        config: BitMarConfig,
        data: TrainingSet,
        folder: RunFolder,
        seconds: float = math.inf,
        replicas: OneProcess | None = None,
    ) -> None:
        t = config.training
        keras.utils.set_random_seed(t.seed)
        tf.config.experimental.enable_op_determinism()  # the same numbers in every process, whatever its threads do
        self.folder, self.replicas = folder, replicas or OneProcess()
        self.data, self.batches = data, BatchMaker(data, config)
        check_divisible(self.batches.encoder_rows, self.batches.decoder_rows, self.replicas.replicas)
        self.plain = BitMar(config)
        self.model, self.optimizer, self.step = self.replicas.trainer(self.plain)
        self.schedule = Schedule(t.steps, seconds, t.warmup_steps, t.learning_rate)
        self.saved_step: int | None = None  # of the checkpoint in the folder

    def prepare(self) -> None:
        """What is trained or computed before the steps: the keys, the tables of words, the episode's matrices."""
        t = self.plain.config.training
        train_keys(self.plain.keys, self.data.features, self.data.drawings, self.plain.config, t.seed, self.data.views)
        start_words(self.plain)
        set_channel(self.plain)
        if self.model is not self.plain:
            copy_weights(self.plain, self.model)

    def finished(self) -> BitMar:
        """The model as one process holds it."""
        if self.model is not self.plain:
            copy_weights(self.model, self.plain)
        return self.plain

    def restore(self) -> None:
        """Go on from the folder's checkpoint."""
        checkpoint.load(self.folder.checkpoint, self.model, self.optimizer, self.schedule)
        self.saved_step = self.schedule.step

    def share_state(self) -> None:
        """Give all workers the chief's weights, optimizer and schedule: processors differ in the last bits."""
        state = checkpoint.to_vector(self.model, self.optimizer, self.schedule)
        checkpoint.from_vector(self.replicas.from_chief(state), self.model, self.optimizer, self.schedule)

    def save(self) -> None:
        """Write the checkpoint, the chief's."""
        if not self.replicas.chief:
            return
        checkpoint.save(self.folder.checkpoint, self.model, self.optimizer, self.schedule)
        self.saved_step = self.schedule.step

    def check_finite(self, metrics: dict[str, float], step: int) -> None:
        """BitmarError, with what to try, at the first loss or gradient that is not a finite number."""
        for name, value in metrics.items():
            if not math.isfinite(value):
                last = "none yet" if self.saved_step is None else f"{self.folder.checkpoint}, step {self.saved_step}"
                last = last if self.replicas.chief else "worker 0 has it"
                raise BitmarError(
                    f"step {step}: {name} is {value}, expected a finite number; last good checkpoint: {last}; "
                    "try a lower learning_rate, more warmup_steps or a lower gradient_clip, and look for huge numbers in the data"
                )

    def run(self, interrupt: Interrupt, show: bool = True, began: float | None = None) -> bool:
        """Train until the schedule ends. `began` (time.monotonic): the command's start, so that set-up counts as spent.

        BitmarError at the first number that is not finite; the checkpoint is then the last good one.
        """
        schedule, chief = self.schedule, self.replicas.chief
        bar, log = Bar(schedule, show and chief), CsvLog(self.folder.log, schedule.step) if chief else NoLog()
        if chief and schedule.step == 0:
            self.prepare()
        last = saved = time.monotonic()
        schedule.spent += last - (last if began is None else began)
        if self.replicas.shared:
            self.share_state()
            last = time.monotonic()
        stop = interrupt.asked
        with ThreadPoolExecutor(1) as worker:  # the next batch is made while the step runs
            following = worker.submit(self.batches.batch, schedule.step)
            try:
                while not schedule.done() and not stop:
                    batch = following.result()
                    following = worker.submit(self.batches.batch, schedule.step + 1)
                    rate = schedule.learning_rate()
                    with self.replicas.together(schedule.step + 1):
                        metrics = self.step(batch, rate)
                    now = time.monotonic()
                    seconds, last = now - last, now
                    stop, seconds = self.replicas.agree(interrupt.asked, seconds)
                    schedule.advance(seconds)
                    log.write(schedule.step, metrics, rate, seconds)
                    self.check_finite(metrics, schedule.step)
                    bar.update(metrics)
                    if now - saved > CHECKPOINT_SECONDS:
                        log.flush()
                        self.save()
                        saved = time.monotonic()
            finally:
                log.close()
        self.save()
        return schedule.done()
