"""Which configuration is meant: a file, or the name of one that comes with the project."""

from __future__ import annotations

from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def config_file(name: str) -> Path:
    """The path `name`; where nothing is there, configs/bitmar_NAME.yaml if there is one (a type for argparse)."""
    known = {file.stem.removeprefix("bitmar_"): file for file in CONFIGS.glob("bitmar_*.yaml")}
    return known[name] if name in known and not Path(name).exists() else Path(name)
