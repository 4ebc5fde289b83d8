"""The configurations of the comparison, and which model stands for each: a shipped one, a trained run, or fresh weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from bitmar.model_format import FILE
from deploy.models import config_model

ROOT = Path(__file__).resolve().parents[2]
# as published for the full-size model and its edge configurations; None: not published. RAM and weights in bytes, speed-up over
# the original (least, most)
PUBLISHED: dict[str, dict[str, Any]] = {
    "ultra_tiny": {
        "parameters": 2.0e6,
        "weight_bytes": None,
        "memory_bytes": 2_048,
        "ram_bytes": None,
        "speed_up": None,
    },
    "tiny_edge": {
        "parameters": 12.5e6,
        "weight_bytes": 3_000_000,
        "memory_bytes": 4_096,
        "ram_bytes": 5_000_000,
        "speed_up": (5, 8),
    },
    "original": {
        "parameters": 35.0e6,
        "weight_bytes": 9_000_000,
        "memory_bytes": 262_144,
        "ram_bytes": 15_000_000,
        "speed_up": None,
    },
}
CARD = 16 * 10**9  # bytes, of which the published history is
FRESH = "fresh weights, not trained"
METRICS = "metrics.json"


@dataclass(frozen=True)
class Standing:
    """The model that stands for a configuration.

    Attributes:
      name: of the configuration, without `bitmar_`.
      folder: a converted model.
      weights: where they come from, in words.
      metrics: metrics.json of the training, or None for fresh weights.
    """

    name: str
    folder: Path
    weights: str
    metrics: dict[str, Any] | None


def standing(name: str, models: Path, runs: list[Path]) -> Standing:
    """The shipped model, else a run of that configuration, else the configuration with fresh weights, converted.

    Raises:
      BitmarError: a metrics.json that is none, a run without a converted model, a conversion that failed.
    """
    shipped = models / name
    if (shipped / FILE).is_file():
        return Standing(name, shipped, "shipped", read_metrics(shipped))
    for run in runs:
        metrics = read_metrics(run)
        if metrics["name"] == f"bitmar_{name}":
            if not (run / "model" / FILE).is_file():
                raise BitmarError(
                    f"{run / 'model'}: no {FILE}, expected the run converted: pipeline.py convert --run {run}"
                )
            return Standing(name, run / "model", f"run {run.name}", metrics)
    folder = config_model(ROOT / "configs" / f"bitmar_{name}.yaml")
    if (shipped / METRICS).exists():  # too large to be shipped, measured all the same
        return Standing(name, folder, "trained; sizes and speed with fresh weights", read_metrics(shipped))
    return Standing(name, folder, FRESH, None)


def read_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of a trained model. BitmarError where it is not one."""
    file, wanted = folder / METRICS, "expected what `pipeline.py train` or `eval` wrote"
    try:
        metrics = json.loads(file.read_bytes())
    except OSError as error:
        raise BitmarError(f"{file}: cannot be read ({error.strerror}), {wanted}") from None
    except (ValueError, RecursionError):
        raise BitmarError(f"{file}: not JSON, {wanted}") from None
    if not isinstance(metrics, dict) or not isinstance(metrics.get("name"), str):
        raise BitmarError(f"{file}: no name in it, {wanted}")
    return metrics
