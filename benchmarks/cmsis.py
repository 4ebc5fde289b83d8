"""CMSIS-NN's C sources, from PyPI's bakenn wheel: downloaded to build/bakenn, not part of this project."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from bitmar.errors import BitmarError

BAKENN = "bakenn==1.0.0"
FOLDER = Path(__file__).resolve().parents[1] / "build" / "bakenn"


def cmsis_nn() -> Path:
    """The wheel's folder with cmsis_nn/ and cmsis_core/, downloaded once. BitmarError: PyPI cannot be reached."""
    vendor = FOLDER / "bakenn" / "backend" / "cmsis_nn" / "vendor"
    if not vendor.is_dir():
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(FOLDER), BAKENN]
        if subprocess.run(command, capture_output=True).returncode:
            raise BitmarError(f"{BAKENN}: pip cannot download it, expected a package index")
        with zipfile.ZipFile(next(FOLDER.glob("bakenn-*.whl"))) as wheel:
            wheel.extractall(FOLDER, [name for name in wheel.namelist() if "/cmsis_nn/vendor/" in name])
    return vendor
