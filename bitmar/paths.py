"""Questions about paths that people type: a name that no file can have (too long, a zero byte) is simply not there."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Whether there is something."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder."""
    return exists(path) and path.is_dir()


def is_file(path: Path) -> bool:
    """Whether there is a file."""
    return exists(path) and path.is_file()
