"""Which converted model a firmware is built from; conversions that only measure or test are kept in build/models/."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.find_model import find_model
from bitmar.paths import is_file

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "models"


def pick_model(model: Path | None, config: Path | None = None) -> Path:
    """The folder or shipped model named, or the configuration converted untrained, or the default of every command."""
    return find_model(model) if config is None else config_model(config)


def config_model(config: Path) -> Path:
    """A configuration with fresh weights, converted: enough to measure sizes."""
    if not is_file(config):
        raise BitmarError(f"{config}: no such file, expected configs/*.yaml")
    return converted(config.stem, [config], "--config", str(config), "--untrained")


def converted(name: str, sources: list[Path], *arguments: str) -> Path:
    """build/models/NAME-HASH, made by `pipeline.py convert` if its sources have no conversion yet.

    Raises:
      BitmarError: what the conversion says.
    """
    digest = hashlib.sha256()
    for path in [*sources, *sorted((ROOT / "convert").glob("*.py"))]:
        digest.update(path.read_bytes())
    out = BUILT / f"{name}-{digest.hexdigest()[:12]}"
    if not (out / "model.json").is_file():
        command = [sys.executable, str(ROOT / "pipeline.py"), "convert", *arguments, "--out", str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise BitmarError(f"converting {name}: {lines[-1].removeprefix('error: ') if lines else 'failed'}")
    return out
