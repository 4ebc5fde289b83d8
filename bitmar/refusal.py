"""I don't know: a model's refusal.json and cohort.bin, which tell a known thing from an unknown one (memstore/src/refusal.c)."""

from __future__ import annotations

import ctypes
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from bitmar import memory_abi as abi
from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder

FILE, COHORT_FILE = "refusal.json", "cohort.bin"
WEIGHTS = (
    *("best", "question_top", "question_spread", "question_all"),
    *("key_top", "key_spread", "key_all", "others"),
)
NUMBERS = ("bias", "others_alone", "known", "perhaps")


class Refusal:
    """The criterion of a model, as memstore takes it.

    Attributes:
      struct: ms_refusal; it borrows the cohort, which lives as long as this object.
    """

    def __init__(self, values: dict[str, Any], cohort: np.ndarray):
        self.cohort = np.ascontiguousarray(cohort, np.int8)
        self.struct = abi.Refusal(
            cohort=self.cohort.ctypes.data,
            rows=len(cohort),
            top=values["top"],
            weights=(ctypes.c_float * len(WEIGHTS))(*(values["weights"][name] for name in WEIGHTS)),
            **{name: values[name] for name in NUMBERS},
        )


def read_refusal(model: ModelFolder) -> Refusal | None:
    """The model's criterion; None where it has none, so that everything gets a name.

    Raises:
      BitmarError: one of the two files alone, a missing or wrong number, a cohort of another size.
    """
    here = [name for name in (FILE, COHORT_FILE) if name in model.files]
    if not here:
        return None
    if len(here) == 1:
        missing = COHORT_FILE if here[0] == FILE else FILE
        raise BitmarError(f"{model.path}: {here[0]} without {missing}, expected both or neither")
    values = read_values(model.path / FILE)
    raw = np.frombuffer((model.path / COHORT_FILE).read_bytes(), np.int8)
    if raw.size != values["cohort"] * model.episode_dim:
        raise BitmarError(
            f"{model.path / COHORT_FILE}: {raw.size} bytes, expected {values['cohort']} rows of {model.episode_dim}"
        )
    return Refusal(values, raw.reshape(-1, model.episode_dim))


def read_values(file: Path) -> dict[str, Any]:
    """refusal.json, checked. BitmarError names the key."""
    try:
        values = json.loads(file.read_bytes())
        numbers = {name: values[name] for name in NUMBERS} | {f"weights.{n}": values["weights"][n] for n in WEIGHTS}
        counts = {name: values[name] for name in ("top", "cohort")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BitmarError(f"{file}: {error!r}, expected what `pipeline.py train` wrote") from None
    for name, value in numbers.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(np.float32(value)):
            raise BitmarError(f"{file}: {name} is {value!r}, expected a number")
    for name, most in (("top", abi.MAX_TOP), ("cohort", 65536)):
        if type(counts[name]) is not int or not 1 <= counts[name] <= most:
            raise BitmarError(f"{file}: {name} is {counts[name]!r}, expected a whole number, 1 to {most}")
    return values
