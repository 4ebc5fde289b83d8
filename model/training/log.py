"""log.csv (one row a step) and the progress bar."""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

import keras

from bitmar.errors import BitmarError
from model.training.schedule import Schedule
from model.training.step import METRICS

COLUMNS = ("step", *METRICS, "learning_rate", "seconds")
SHOWN = ("loss", "recall", "phrases", "caption", "slot")
REDRAW = 0.2  # seconds


class CsvLog:
    """Appends one row a step; rows after a resumed checkpoint's step are cut off first."""

    def __init__(self, path: Path, step: int = 0) -> None:
        rows = [row for row in read_log(path) if int(row["step"]) <= step] if step else []
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        os.replace(temporary, path)  # noqa: PTH105
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, COLUMNS)

    def write(self, step: int, metrics: dict[str, float], learning_rate: float, seconds: float) -> None:
        rounded = {name: f"{value:.6g}" for name, value in metrics.items()}
        rates = {"learning_rate": f"{learning_rate:.6g}", "seconds": f"{seconds:.4f}"}
        self._writer.writerow({"step": step, **rounded, **rates})

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise BitmarError(f"{self._file.name}: {error.strerror}") from None

    def close(self) -> None:
        self.flush()
        self._file.close()


class NoLog:
    """Of several workers only the chief writes."""

    def write(self, step: int, metrics: dict[str, float], learning_rate: float, seconds: float) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def read_log(path: Path) -> list[dict[str, str]]:
    """Rows of a log.csv, as text by column; the last row of an interrupted write is left out."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if None not in row.values() and None not in row]
        for row in rows:
            int(row["step"])
        return rows
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise BitmarError(f"{path}: broken ({error}), expected the log that `pipeline.py train` writes") from None


class Bar:
    """Keras's progress bar with running means of the losses and the time left; plain lines where there is no terminal."""

    def __init__(self, schedule: Schedule, enabled: bool = True) -> None:
        self._schedule, self._enabled = schedule, enabled
        self._terminal = sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower()  # Keras draws with "━"
        self._target = 0
        self._bar: keras.utils.Progbar | None = None
        self._means: dict[str, float] = {}
        self._drawn = time.monotonic()

    def update(self, metrics: dict[str, float]) -> None:
        for name in SHOWN:
            old = self._means.get(name, metrics[name])
            self._means[name] = old + 0.05 * (metrics[name] - old)
        if not self._enabled:
            return
        now, s = time.monotonic(), self._schedule
        if not self._terminal:
            if now - self._drawn > 30 or s.done():
                self._drawn = now
                left = s.steps_left() * s.seconds_per_step
                shown = "  ".join(f"{name} {value:.3f}" for name, value in self._means.items())
                total = s.step + s.steps_left()
                print(
                    f"step {s.step}/{total}  {shown}  {s.seconds_per_step:.3f} s/step  {left / 60:.1f} min left",
                    flush=True,
                )
            return
        if now - self._drawn < REDRAW and not s.done():
            return
        self._drawn = now
        target = s.step + s.steps_left()
        if self._bar is None:
            self._bar = keras.utils.Progbar(target, width=20, interval=0, stateful_metrics=(*SHOWN, "min_left"))
        self._bar.target = target  # the plan moves with the measured time per step
        left = s.steps_left() * s.seconds_per_step / 60
        self._bar.update(s.step, [*self._means.items(), ("min_left", left)], finalize=s.done())
