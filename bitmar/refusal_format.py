"""refusal.json and cohort.bin: when a model says that it does not know. One definition for the device and the firmware's maker.

The criterion itself is ms_judge (memstore/src/refusal.c); training fits it.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from bitmar.errors import BitmarError

FILE, COHORT_FILE = "refusal.json", "cohort.bin"
WEIGHTS = (
    *("best", "question_top", "question_spread", "question_all"),
    *("key_top", "key_spread", "key_all", "others"),
)
NUMBERS = ("bias", "others_alone", "known", "perhaps")
MOST_TOP, MOST_ROWS = 64, 65536  # MS_MAX_TOP; rows of a cohort


def read_cohort(file: Path, rows: int, dim: int) -> bytes:
    """int8 [rows, dim]. BitmarError for a file of another size, or none."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise BitmarError(f"{file}: cannot be read ({error.strerror}), {FILE} needs it") from error
    if len(raw) != rows * dim:
        raise BitmarError(f"{file}: {len(raw)} bytes, expected {rows} rows of {dim}")
    return raw


def squares_of(cohort: np.ndarray) -> np.ndarray:
    """Of each row of int8 [rows, dim] the sum of its squares, little-endian int32 [rows]: ms_refusal.squares."""
    wide = cohort.astype("<i4")
    return (wide * wide).sum(1, dtype="<i4")


def read_values(file: Path) -> dict[str, Any]:
    """refusal.json, checked. BitmarError names the key."""
    try:
        values = json.loads(file.read_bytes())
        numbers = {name: values[name] for name in NUMBERS} | {f"weights.{n}": values["weights"][n] for n in WEIGHTS}
        counts = {name: values[name] for name in ("top", "cohort")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BitmarError(f"{file}: {error!r}, expected what `pipeline.py train` wrote") from None
    for name, value in numbers.items():
        if not is_float32(value):
            raise BitmarError(f"{file}: {name} is {value!r}, expected a number")
    for name, most in (("top", MOST_TOP), ("cohort", MOST_ROWS)):
        if type(counts[name]) is not int or not 1 <= counts[name] <= most:
            raise BitmarError(f"{file}: {name} is {counts[name]!r}, expected a whole number, 1 to {most}")
    return values


def is_float32(value: Any) -> bool:
    """A finite number that is one in 32 bits too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return False
