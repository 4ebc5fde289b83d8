"""Ternary rows whose products with a ternary basis are what is wanted: rounding each number alone leaves them where it will."""

from __future__ import annotations

import numpy as np

ROUNDS = 40  # of moving rows by what their rounded form misses
FLIPS = 12  # most single digits changed in a row afterwards
PAIRS = 200  # pairs of digits tried after that


def ternary_rows(near: np.ndarray, basis: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows t in {-1, 0, 1}, float32 [n, width], with t @ basis as near to `wanted` as a search by digits and pairs finds.

    Args: near: float [n, width], what the rows are to resemble; basis: ternary [width, dims]; wanted: float [n, dims].
    """
    x, back = near / np.abs(near).mean(), np.linalg.pinv(basis)
    for _ in range(ROUNDS):
        x += 0.5 * (wanted - rounded(x) @ basis) @ back
    rows, basis = rounded(x).astype(np.float32), basis.astype(np.float32)
    left = wanted.astype(np.float32) - rows @ basis
    _change_digits(rows, left, basis)
    _change_pairs(rows, left, basis, rng)
    return rows


def absmean_codes(x: np.ndarray) -> np.ndarray:
    """The codes of model.quantizers.ternary_codes in float64."""
    return rounded(x / np.abs(x).mean())


def rounded(x: np.ndarray) -> np.ndarray:
    """The ternary codes of numbers whose mean magnitude is 1."""
    return np.clip(np.rint(x), -1, 1)


def _change_digits(rows: np.ndarray, left: np.ndarray, basis: np.ndarray) -> None:
    """In each row, as long as one helps, the digit whose change by 1 takes most off |left|^2; in place."""
    norms, here = (basis**2).sum(1), np.arange(len(rows))
    for _ in range(FLIPS):
        along = 2 * left @ basis.T
        up = np.where(rows < 1, norms - along, np.inf)
        down = np.where(rows > -1, norms + along, np.inf)
        best = np.minimum(up, down)
        digit = best.argmin(1)
        better = np.flatnonzero(best[here, digit] < 0)
        if not len(better):
            return
        digit = digit[better]
        change = np.where(up[better, digit] < down[better, digit], 1, -1).astype(np.float32)
        rows[better, digit] += change
        left[better] -= change[:, None] * basis[digit]


def _change_pairs(rows: np.ndarray, left: np.ndarray, basis: np.ndarray, rng: np.random.Generator) -> None:
    """Two digits at once, which move a product less than one does; in place."""
    for _ in range(PAIRS):
        i, j = rng.choice(len(basis), 2, replace=False)
        for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            step = first * basis[i] + second * basis[j]
            fits = (np.abs(rows[:, i] + first) <= 1) & (np.abs(rows[:, j] + second) <= 1)
            better = np.flatnonzero(fits & (step @ step < 2 * left @ step))
            rows[better, i] += first
            rows[better, j] += second
            left[better] -= step
