"""checkpoint.npz: everything that a run needs to go on as if it had not been interrupted, with any number of workers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.data.arrays import read_npz
from model.data.files import replacing
from model.training.schedule import Schedule

NAME = "checkpoint.npz"


def _variables(model: BitMar, optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    named = {f"model/{v.path}": v for v in model.variables}
    return named | {f"optimizer/{i}": v for i, v in enumerate(optimizer.variables)}


def save(path: Path, model: BitMar, optimizer: keras.optimizers.Optimizer, schedule: Schedule) -> None:
    """Write weights, optimizer and schedule state, whole or not at all. BitmarError if a number among them is not finite.

    Batches and noise depend on the seed and the step alone, so the step is all the state that random numbers have.
    """
    arrays = {name: variable.numpy() for name, variable in _variables(model, optimizer).items()}
    if bad := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise BitmarError(f"step {schedule.step}: {bad[0]} holds a number that is not finite; {path} is left as it was")
    arrays |= {f"schedule/{name}": np.float64(value) for name, value in schedule.state().items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load(path: Path, model: BitMar, optimizer: keras.optimizers.Optimizer, schedule: Schedule) -> None:
    """Restore what `save` wrote. BitmarError if the file is broken or of another model."""
    arrays = read_npz(path, "pipeline.py train")
    variables = _variables(model, optimizer)
    state = {f"schedule/{name}": name for name in schedule.state()}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()} | dict.fromkeys(state, ())
    for name, shape in shapes.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise BitmarError(
                f"{path}: {name} is missing, of another shape or broken, expected a checkpoint of this configuration"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    schedule.restore({name: float(arrays[key]) for key, name in state.items()})


def to_vector(model: BitMar, optimizer: keras.optimizers.Optimizer, schedule: Schedule) -> np.ndarray:
    """The same state as one float64 [n], for workers that have no folder; exact for float32 and for counts below 2^53."""
    arrays = [variable.numpy() for variable in _variables(model, optimizer).values()]
    return np.concatenate([np.ravel(a).astype(np.float64) for a in (*arrays, *schedule.state().values())])


def from_vector(vector: np.ndarray, model: BitMar, optimizer: keras.optimizers.Optimizer, schedule: Schedule) -> None:
    """Restore what `to_vector` gave for a model of the same configuration."""
    start = 0
    for variable in _variables(model, optimizer).values():
        size = int(np.prod(variable.shape))
        variable.assign(vector[start : start + size].reshape(variable.shape).astype(variable.dtype))
        start += size
    schedule.restore(dict(zip(schedule.state(), vector[start:].tolist(), strict=True)))
