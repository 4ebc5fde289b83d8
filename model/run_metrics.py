"""metrics.json of a run: how it was trained, how large it is, and, once it was evaluated, what it answers."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.data.files import read_json, write_json
from model.parameter_table import component_rows, totals
from model.saved_run import METRICS

ROOT = Path(__file__).resolve().parents[1]


def project_commit() -> str | None:
    """The project's commit, "+changes" behind it where tracked files differ from it; None outside a checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    return f"{head}+changes" if head and git("status", "--porcelain", "--untracked-files=no") else head


def sizes(model: BitMar) -> dict[str, int]:
    """Numbers of the model, and the bytes they pack into at 1.6 bits a ternary weight; bytes of the memory's slots."""
    total = totals(component_rows(model))
    return {
        "parameters": model.count_params(),
        "ternary_weights": total["ternary"],
        "float32_numbers": total["float32"],
        "packed_bytes": total["bytes"],
        "memory_bytes": model.config.memory_bytes,
    }


def write_training(
    run: Path, model: BitMar, commit: str | None, steps: int, planned_steps: int, seconds: float
) -> None:
    """Begin metrics.json after training; an evaluation of earlier weights is not kept. `commit`: that of the training's start.

    {"name", "commit", "steps", "planned_steps", "cut_short", "seconds", "machine": {"processor", "cores"},
     "seeds": {"training"}, "sizes": ...}; `seconds` is training with its set-up, over all processes of a resumed run.
    """
    metrics = {
        "name": model.config.name,
        "commit": commit,
        "steps": steps,
        "planned_steps": planned_steps,
        "cut_short": steps < planned_steps,
        "seconds": round(seconds, 1),
        "machine": {"processor": platform.machine(), "cores": len(os.sched_getaffinity(0))},
        "seeds": {"training": model.config.training.seed},
        "sizes": sizes(model),
    }
    write_json(run / METRICS, metrics)


def add_evaluation(run: Path, report: dict[str, Any]) -> None:
    """Complete metrics.json with the keys of a report of model.evaluation.metrics; its seed stands among the seeds."""
    path = run / METRICS
    metrics = read_json(path, "pipeline.py train") if path.exists() else {}
    if not isinstance(metrics, dict) or not isinstance(metrics.setdefault("seeds", {}), dict):
        raise BitmarError(f"{path}: expected what `pipeline.py train` writes")
    seeds = metrics["seeds"] | {"evaluation": report["seed"]}
    write_json(path, metrics | report | {"seeds": seeds})
