"""The folder of a run: what is written when, and what a resumed run must find unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.config import BitMarConfig, load_config
from model.data.files import read_json, replacing, write_json, write_text
from model.data.tokenizers import TextTokenizer
from model.saved_run import CONFIG, DATA, METRICS, TOKENIZER, WEIGHTS
from model.training import checkpoint

LOG, PLOTS = "log.csv", "plots"


class RunFolder:
    """runs/NAME: config.yaml, tokenizer.json, data.json, log.csv, checkpoint.npz; at the end model.weights.h5,
    metrics.json and plots/."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint(self) -> Path:
        return self.path / checkpoint.NAME

    @property
    def log(self) -> Path:
        return self.path / LOG

    @property
    def plots(self) -> Path:
        return self.path / PLOTS

    def holds_a_run(self) -> bool:
        return self.checkpoint.exists() or (self.path / WEIGHTS).exists()

    def check_new(self, overwrite: bool) -> None:
        """BitmarError if there is a run already, unless it may be overwritten."""
        if self.holds_a_run() and not overwrite:
            raise BitmarError(f"{self.path}: holds a run; expected --resume, --overwrite or another --run")

    def start(self, config: BitMarConfig, tokenizer: TextTokenizer, data: dict[str, Any]) -> None:
        """Begin a new run in place of what is there."""
        import yaml

        for name in (checkpoint.NAME, WEIGHTS, LOG, METRICS):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.plots, ignore_errors=True)
        write_text(self.path / CONFIG, yaml.safe_dump(config.as_dict(), sort_keys=False))
        tokenizer.save(self.path / TOKENIZER)
        write_json(self.path / DATA, data)

    def check_resumable(self, config: BitMarConfig, data: dict[str, Any]) -> None:
        """BitmarError unless the run was started with this configuration and this data."""
        if not self.checkpoint.exists():
            raise BitmarError(f"{self.path}: no checkpoint to resume from, expected an interrupted run")
        flat = []
        for values in (config.as_dict(), load_config(self.path / CONFIG).as_dict()):
            nested = values.pop("training")
            flat.append(values | {f"training: {key}": value for key, value in nested.items()})
        if changed := [key for key in flat[0] if flat[0][key] != flat[1][key]]:
            key = changed[0]
            raise BitmarError(
                f"{self.path / CONFIG}: {key} was {flat[1][key]}, now {flat[0][key]}; expected the same to resume"
            )
        if read_json(self.path / DATA, "pipeline.py train") != data:
            raise BitmarError(
                f"{self.path / DATA}: the data has changed since the run began, expected the same to resume"
            )

    def save_weights(self, model: BitMar) -> None:
        """model.weights.h5, whole or not at all."""
        with replacing(self.path / WEIGHTS) as temporary:
            target = temporary.with_name(f"{temporary.name}.weights.h5")
            try:
                model.save_weights(target)
                target.replace(temporary)
            finally:
                target.unlink(missing_ok=True)
