"""A run's folder: reading a trained model back, whoever trained it.

runs/NAME/config.yaml  model.weights.h5  tokenizer.json  data.json  metrics.json  [shipped: model.npz instead of the .h5]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.config import BitMarConfig, load_config
from model.data.arrays import one_error, read_npz
from model.data.files import check_readable

CONFIG, WEIGHTS, COMPACT = "config.yaml", "model.weights.h5", "model.npz"
TOKENIZER, DATA, METRICS = "tokenizer.json", "data.json", "metrics.json"
REFUSAL = ("refusal.json", "cohort.bin")  # when the device says that it does not know (model/evaluation/refusal.py)


def load_run(path: str | Path) -> BitMar:
    """The trained model of a run folder, from model.weights.h5 or, where that is missing, from model.npz (`save_compact`).

    Raises BitmarError, naming the file, where one is missing, broken or of another configuration.
    """
    path = Path(path)
    check_readable(path, "pipeline.py train")
    model = BitMar(load_config(path / CONFIG))
    weights, compact = path / WEIGHTS, path / COMPACT
    if weights.exists():
        with one_error(weights, f"expected weights of {CONFIG}"):
            model.load_weights(weights)
    elif compact.exists():
        load_compact(compact, model)
    else:
        raise BitmarError(
            f"{path}: neither {WEIGHTS} nor {COMPACT}; expected a finished run (`pipeline.py train --resume`)"
        )
    return model


def run_config(path: str | Path) -> BitMarConfig:
    """The configuration that a run was trained with."""
    return load_config(Path(path) / CONFIG)


def _is_ternary(name: str) -> bool:
    return name.endswith(("/kernel", "/embeddings"))


def save_compact(path: Path, model: BitMar) -> None:
    """Write what inference needs and no more: ternary codes (five a byte) with their gammas, and the float32 gains.

    1.6 bits a weight instead of 32. A model read back answers; it cannot train on.
    """
    from model.data.files import replacing
    from model.quantizers import ternary_codes

    arrays: dict[str, np.ndarray] = {}
    for variable in model.variables:
        if not _is_ternary(variable.path):
            arrays[variable.path] = variable.numpy()
            continue
        codes, gamma = ternary_codes(variable.value)
        flat = np.asarray(codes).astype(np.int8).reshape(-1) + 1
        flat = np.concatenate([flat, np.ones(-len(flat) % 5, np.int8)]).reshape(-1, 5)
        arrays[f"{variable.path}:codes"] = (flat @ 3 ** np.arange(5)).astype(np.uint8)
        arrays[f"{variable.path}:gamma"] = np.float32(gamma)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_compact(path: Path, model: BitMar) -> None:
    """Restore `save_compact`'s file: ternary codes exactly, gammas to about one per cent.

    Master weights become code x magnitude, so that mean|w| is gamma again and round(w / gamma) the code again (the magnitude is
    gamma / share of non-zeros >= gamma). The magnitude is rounded to so few bits that the float32 sum over all weights is
    exact in any order of additions: gamma is the same on every machine.
    """
    arrays = read_npz(path, "tools/ship_model.py")
    for variable in model.variables:
        needed = [f"{variable.path}:codes", f"{variable.path}:gamma"] if _is_ternary(variable.path) else [variable.path]
        if any(name not in arrays for name in needed):
            raise BitmarError(f"{path}: {needed[0]} is missing, expected weights of this configuration")
        size = int(np.prod(variable.shape))
        shapes = [tuple(variable.shape)] if len(needed) == 1 else [(-(-size // 5),), ()]
        for name, shape in zip(needed, shapes, strict=True):
            if (
                arrays[name].shape != shape
                or arrays[name].dtype.kind not in "fu"
                or not np.isfinite(arrays[name]).all()
            ):
                raise BitmarError(f"{path}: {name} has shape {arrays[name].shape}, expected numbers of shape {shape}")
        if len(needed) == 1:
            variable.assign(arrays[needed[0]])
            continue
        codes = arrays[needed[0]][:, None] // 3 ** np.arange(5) % 3
        codes = codes.reshape(-1)[:size].reshape(variable.shape).astype(np.float32) - 1
        variable.assign(codes * _magnitude(codes, float(arrays[needed[1]])))


def _magnitude(codes: np.ndarray, gamma: float) -> np.float32:
    """gamma / share of non-zero codes, rounded to a mantissa that leaves room for the count in float32's 24 bits."""
    nonzero = max(int(np.abs(codes).sum()), 1)
    bits = max(24 - int(np.ceil(np.log2(nonzero + 1))), 6)
    mantissa, exponent = np.frexp(gamma * codes.size / nonzero)
    return np.float32(np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent))
