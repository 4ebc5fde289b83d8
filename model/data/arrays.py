"""NumPy's files, read as input that may be broken: one error that names the file, whatever its bytes claim."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError

MAX_BYTES = 4_000_000_000  # of the arrays in one archive: a small file may claim any size


def read_npz(path: Path, written_by: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz by name; BitmarError if it is missing, broken or too large. `written_by`: a command."""
    with one_error(path, f"expected what `{written_by}` writes"):
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
            if total > MAX_BYTES:
                raise ValueError(f"{total:,} bytes unpacked, expected at most {MAX_BYTES:,}")
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}


def map_npy(path: Path) -> np.ndarray:
    """The array of an .npy, mapped and not read; BitmarError if it is broken or shorter than its header says."""
    with one_error(path, "expected an .npy file"):
        return np.lib.format.open_memmap(path, mode="r")


@contextmanager
def one_error(path: Path, expected: str) -> Iterator[None]:
    """Whatever a library raises while it reads `path` becomes one line: their parsers and unpackers have a dozen kinds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy takes broken headers for ones of Python 2
            yield
    except FileNotFoundError:
        raise BitmarError(f"{path} is missing, {expected}") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BitmarError(f"{path}: broken ({reason}), {expected}") from None
