"""Which converted model is meant: one rule for every command and for `Device`.

A model is named by its folder or, if it is shipped, by its name (`ultra_tiny`). Without a name it is the first of:

1. $BITMAR_MODEL, a folder or a name
2. model/ beside the Python environment that runs this: the bundle on a Pi
3. runs/ultra_tiny/model in the working directory: what `pipeline.py train` and `convert` write unless told otherwise
4. the shipped ultra_tiny
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.model_format import FILE as MARK
from bitmar.paths import is_file

PACKAGE = Path(__file__).resolve().parent
# models/ of a checkout; of an installed package, into which setup.py copies it
SHIPPED = (PACKAGE.parent / "models", PACKAGE / "models")
SHIPPED_DEFAULT = "ultra_tiny"
DEFAULT_RUN = Path("runs/ultra_tiny")


def shipped_models() -> dict[str, Path]:
    """Name and folder of every model that came with the program."""
    files = [file for folder in SHIPPED for file in sorted(folder.glob(f"*/{MARK}"))]
    return {file.parent.name: file.parent for file in reversed(files)}


def is_model(folder: Path) -> bool:
    """Whether the folder holds a model.json."""
    return is_file(folder / MARK)


def find_model(name: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a model.

    Args:
      name: a folder, or the name of a shipped model; None: the default of every command, see above.

    Raises:
      BitmarError: there is no such model, or no model at all.
    """
    name = name or os.environ.get("BITMAR_MODEL") or None
    if name is None:
        return default_model()
    folder, shipped = Path(name), shipped_models()
    if is_model(folder):
        return folder
    if str(name) in shipped:
        return shipped[str(name)]
    expected = " or ".join(["a folder written by `pipeline.py convert`", *shipped])
    raise BitmarError(f"model {name}: no {MARK} there, expected {expected}")


def default_model() -> Path:
    """The model that is taken where none is named, see above.

    Raises:
      BitmarError: there is none.
    """
    usual = [Path(sys.prefix).parent / "model", DEFAULT_RUN / "model"]
    for folder in usual:
        if is_model(folder):
            return folder
    if found := shipped_models().get(SHIPPED_DEFAULT):
        return found
    places = ", ".join(map(str, [*usual, SHIPPED[0] / SHIPPED_DEFAULT]))
    raise BitmarError(f"no converted model in {places}: name one with --model DIR or $BITMAR_MODEL")
