"""Which configuration is meant: a file, or the name of one that comes with the project."""

from __future__ import annotations

from pathlib import Path

from bitmar.paths import exists, is_file

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def config_file(name: str) -> Path:
    """The path `name`; where nothing is there, configs/bitmar_NAME.yaml if there is one (a type for argparse)."""
    path, known = Path(name), CONFIGS / f"bitmar_{name}.yaml"
    return known if not exists(path) and is_file(known) else path
