"""Files that appear whole or not at all, and steps that are skipped when their inputs have not changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: Any) -> str:
    """Short hash of JSON-able values: the name of a step's inputs."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces `path`, on any failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise BitmarError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """BitmarError unless files can be written into `folder`: to be called before long work. Leaves nothing behind."""
    made: list[Path] = []
    try:
        for missing in (folder, *folder.parents):
            if missing.exists():
                break
            made.append(missing)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BitmarError(f"{folder}: {error.strerror or error}, expected a folder that can be written") from None
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def check_readable(folder: Path, written_by: str) -> None:
    """BitmarError unless `folder` is one that can be listed. `written_by`: the command that writes it, for the error."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise BitmarError(f"{folder}: {error.strerror}, expected a folder that `{written_by}` wrote") from None


def check_file(path: Path) -> None:
    """BitmarError unless a file can be written to `path`: to be called before long work. Leaves nothing behind."""
    check_folder(path.parent)
    if path.is_dir():
        raise BitmarError(f"{path}: a folder, expected the name of a file to write")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def read_json(path: Path, written_by: str = "pipeline.py data") -> Any:
    """Read JSON; BitmarError if it is missing or broken. `written_by`: the command that writes it, for the error."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BitmarError(f"{path} is missing: run `{written_by}` first") from None
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}; expected what `{written_by}` writes") from None
    except (ValueError, RecursionError) as error:
        raise BitmarError(f"{path}: not JSON ({error}); delete it and run `{written_by}`") from None


class Stamps:
    """Which step was last completed with which inputs: `<data>/stamps.json`.

    A step runs again if its key (inputs, rules, versions) has changed or one of its outputs is gone; its stamp is
    written after its outputs, so an interrupted step runs again.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "stamps.json"
        stamps = read_json(self._path) if self._path.exists() else {}
        self._stamps: dict[str, str] = stamps if isinstance(stamps, dict) else {}

    def step(self, name: str, key: str, outputs: list[Path], work: Callable[[], None]) -> bool:
        """Run `work` unless it is done already; True if it ran."""
        if self._stamps.get(name) == key and all(path.exists() for path in outputs):
            return False
        work()
        self._stamps[name] = key
        write_json(self._path, self._stamps)
        return True
