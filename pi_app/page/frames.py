"""A folder of frames in the place of a camera: its image files by name, one after the other and over again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from bitmar.errors import BitmarError
from bitmar.image_file import open_image

SECONDS = 0.2  # between two frames


class FolderCamera:
    """Shows what is in a folder at that moment; a folder that is gone is a camera that was unplugged."""

    def __init__(self, folder: Path):
        self.folder = folder
        if not folder.is_dir():
            raise BitmarError(f"camera {folder}: no such folder")

    def __iter__(self) -> Iterator[Image.Image]:
        """The frames."""
        while files := sorted(path for path in self.folder.iterdir() if path.suffix in (".png", ".jpg")):
            for file in files:
                yield open_image(file)
                time.sleep(SECONDS)

    def close(self) -> None:
        """Nothing to let go of."""


def open_camera(source: str) -> FolderCamera:
    """The camera of that name."""
    return FolderCamera(Path(source))
