"""Rows of .npy files that stay on disk: a row is read when it is asked for, and becomes int8 and a scale then.

Read, not mapped: a mapping's pages, 64 KB around each row, would count as the process's own until memory is short.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError
from bitmar.picture import ABSMAX_FLOOR, FEATURES
from model.data.arrays import map_npy
from model.data.progress import progress

CHUNK = 2048  # rows read at a time where all are: they stay in a core's cache
SHOWN = 50  # chunks: reading more shows its progress


def quantise_rows(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float [n, 768] -> (int8 [n, 768], float32 [n]): `bitmar.picture.quantise_features` for many rows."""
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused as such
        x = np.asarray(states, np.float32)
    m = np.maximum(np.abs(x).max(1, initial=0), ABSMAX_FLOOR)
    if not np.isfinite(m).all():
        raise BitmarError(f"states: row {np.argmin(np.isfinite(m))} has a number that is not finite")
    return np.clip(np.rint(x * (np.float32(127) / m)[:, None]), -127, 127).astype(np.int8), m / np.float32(127)


class StateFile:
    """Real numbers [n, 768] in an .npy; BitmarError if it holds anything else."""

    def __init__(self, path: Path) -> None:
        states = map_npy(path)
        if states.ndim != 2 or states.shape[1] != FEATURES or states.dtype.kind != "f":
            raise BitmarError(f"{path}: {states.dtype} of shape {states.shape}, expected real numbers [N, {FEATURES}]")
        if not states.flags.c_contiguous:
            raise BitmarError(f"{path}: stored column by column (fortran_order), expected row by row")
        self.path, self.dtype, self.offset = path, states.dtype, states.offset
        self._rows, self._bytes = len(states), states.dtype.itemsize * FEATURES
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return self._rows

    def read(self, first: int, count: int = 1) -> np.ndarray:
        """Rows one behind the other as they are stored: [count, 768]."""
        data = os.pread(self._file, count * self._bytes, self.offset + first * self._bytes)
        if len(data) != count * self._bytes:
            raise BitmarError(f"{self.path}: ends before row {first + count}, was it changed while it was read?")
        return np.frombuffer(data, self.dtype).reshape(count, FEATURES)


class States:
    """Several files' rows, N in all: `states[rows]` is int8 [n, 768]; `states.scale` float32 [N].

    Making one reads every row once: BitmarError at a number that is not finite. `digest`: SHA-256 of all int8 rows.
    """

    def __init__(self, files: list[StateFile]) -> None:
        self.files = files
        self.first = np.cumsum([0, *map(len, files)])
        self.shape = (int(self.first[-1]), FEATURES)
        self.scale = np.empty(len(self), np.float32)
        self.digest = hashlib.sha256()
        at = 0
        for q, scale in self._chunks():
            self.digest.update(q.tobytes())
            self.scale[at : at + len(scale)] = scale
            at += len(scale)

    def __len__(self) -> int:
        return self.shape[0]

    def _chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All rows in order, quantised, some at a time."""
        parts = [(file, first) for file in self.files for first in range(0, len(file), CHUNK)]
        for file, first in progress(parts, "states", least=SHOWN):
            rows = file.read(first, min(CHUNK, len(file) - first))
            try:
                quantised = quantise_rows(rows)
            except BitmarError as error:
                raise BitmarError(f"{file.path}: from row {first} on: {error}") from None
            yield quantised

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """int8 [n, 768]"""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()}, expected 0 to {len(self) - 1}")
        out = np.empty((len(rows), FEATURES), np.float32)
        of = np.searchsorted(self.first, rows, "right") - 1
        with np.errstate(over="ignore"):
            for i in np.argsort(rows, kind="stable"):  # in the order of the disk
                out[i] = self.files[of[i]].read(int(rows[i] - self.first[of[i]]))[0]
        return quantise_rows(out)[0]


class Pictures:
    """float32 [N, 768] of int8 rows on disk and their scales: `pictures[rows]` reads these rows alone."""

    def __init__(self, q: States, scale: np.ndarray) -> None:
        self.q, self.scale, self.shape = q, scale, q.shape

    def __len__(self) -> int:
        return len(self.q)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.q[rows].astype(np.float32) * self.scale[rows][:, None]
