"""I don't know: a model's criterion, which tells a known thing from an unknown one, as memstore takes it."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from bitmar import memory_abi as abi
from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder
from bitmar.refusal_format import COHORT_FILE, FILE, NUMBERS, WEIGHTS, read_cohort, read_values, squares_of


class Refusal:
    """The criterion of a model, as memstore takes it.

    Attributes:
      struct: ms_refusal; it borrows the cohort and its squares, which live as long as this object.
    """

    def __init__(self, values: dict[str, Any], cohort: np.ndarray):
        self.cohort = np.ascontiguousarray(cohort, np.int8)
        self.squares = squares_of(self.cohort).astype(np.int32)
        self.struct = abi.Refusal(
            cohort=self.cohort.ctypes.data,
            rows=len(cohort),
            squares=self.squares.ctypes.data,
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
    raw = read_cohort(model.path / COHORT_FILE, values["cohort"], model.episode_dim)
    return Refusal(values, np.frombuffer(raw, np.int8).reshape(-1, model.episode_dim))
