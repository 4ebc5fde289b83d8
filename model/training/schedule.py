"""The learning rate over a run of so many steps; where a time is given too, over as many of them as fit into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOOR = 0.02  # share of the peak at the end
SMOOTHING = 0.1  # weight of the newest measurement in the time per step
UNMEASURED = 3  # first steps of a process that are not timed: they compile


def cosine(progress: float) -> float:
    """Share of the peak rate at `progress`, 0 to 1: from 1 to FLOOR (Loshchilov and Hutter, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) * (1 - FLOOR) + FLOOR


@dataclass
class Schedule:
    """Warm-up, then `cosine` over `progress`, 0 to 1.

    Each step advances the progress by its share of what is left. Where `seconds` is finite, what is left is planned anew from the
    measured time per step, so that the cosine ends when the time does: such a run depends on the machine's speed. One that
    `steps` ends is the same on every machine of a kind, and so is one whose time is ample. `spent`: training time in seconds,
    over all processes of a resumed run.
    """

    steps: int
    seconds: float
    warmup: int
    peak: float
    step: int = 0
    progress: float = 0.0
    spent: float = 0.0
    seconds_per_step: float = 0.0
    measured: int = 0

    def steps_left(self) -> int:
        """By the plan: steps still to do."""
        left = self.steps - self.step
        if self.seconds_per_step > 0:
            left = min(left, (self.seconds - self.spent) / self.seconds_per_step)
        return max(int(left), 0)

    def done(self) -> bool:
        return self.steps_left() == 0

    @property
    def cut_short(self) -> bool:
        """The time has ended the run before its steps did."""
        return self.done() and self.step < self.steps

    def learning_rate(self) -> float:
        """For the next step."""
        return self.peak * min(1.0, (self.step + 1) / self.warmup) * cosine(self.progress)

    def advance(self, seconds: float) -> None:
        """Count one step that took `seconds`."""
        self.progress += (1.0 - self.progress) / max(self.steps_left(), 1)
        self.step += 1
        self.spent += seconds
        self.measured += 1
        if self.measured > UNMEASURED:
            old = self.seconds_per_step or seconds
            self.seconds_per_step = old + SMOOTHING * (seconds - old)

    def state(self) -> dict[str, float]:
        """What a checkpoint holds; `measured` is not part of it: a new process compiles again."""
        return {
            "step": self.step,
            "progress": self.progress,
            "spent": self.spent,
            "seconds_per_step": self.seconds_per_step,
        }

    def restore(self, state: dict[str, float]) -> None:
        self.step = int(state["step"])
        self.progress, self.spent = float(state["progress"]), float(state["spent"])
        self.seconds_per_step = float(state["seconds_per_step"])
