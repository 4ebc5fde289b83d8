"""PICTURE of the console: an image file, a .npy of 768 numbers, or SET/CODE from the data (e.g. noto/1f353)."""

from __future__ import annotations

import re
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bitmar import picture
from bitmar.engine import Picture
from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder
from bitmar.runtime import Graph

SET_AND_CODE = re.compile(r"(?P<set>[a-z0-9-]+)/(?P<code>[0-9a-f-]+)", re.IGNORECASE)


class PictureSource:
    """Finds and reads pictures; vision.tflite is loaded when the first image file comes.

    Args:
      data: folder that `pipeline.py data` made, or None.
    """

    def __init__(self, model: ModelFolder, data: Path | None = None, runtime: str | None = None):
        self.model, self.data, self.runtime = model, data, runtime
        self.kind = model.config.get("vision", "lite0")

    def read(self, name: str) -> Picture:
        """The picture in its canonical form.

        Raises:
          BitmarError: no such picture, broken, or of another length.
        """
        path = Path(name)
        match = SET_AND_CODE.fullmatch(name)
        if match and not path.exists():
            return self.from_data(match["set"].lower(), match["code"].lower())
        if path.suffix.lower() == ".npy":
            return Picture(*picture.load_picture(path, None))
        image = picture.prepare_image(picture.open_image(path))  # before the network is loaded: files may be broken
        return Picture(*picture.quantise_features(picture.vision_features(image, self.vision(path))))

    def vision(self, path: Path) -> Any:
        """Interpreter of vision.tflite, or None where the model sees thumbnails."""
        if self.kind == "thumb16":
            return None
        if self.kind == "file":
            raise BitmarError(f"picture {path}: model {self.model.name} takes .npy files of 768 numbers only")
        return self.graph.interpreter

    @cached_property
    def graph(self) -> Graph:
        folders = [self.model.path] + ([self.data] if self.data else [])
        for folder in folders:
            if (folder / "vision.tflite").exists():
                return Graph(folder / "vision.tflite", self.runtime, ternary=False, threads=2)
        raise BitmarError(f"vision.tflite is missing, expected in {' or '.join(map(str, folders))}")

    def from_data(self, set_name: str, code: str) -> Picture:
        """The stored features of a drawing."""
        if self.data is None:
            raise BitmarError(f"picture {set_name}/{code}: no data folder, name one with --data DIR")
        file = self.data / "features" / f"{self.kind}-{set_name}.npz"
        ids, q, scale = self._archive(file)
        found = np.flatnonzero(ids == code)
        if found.size == 0:
            raise BitmarError(f"picture {set_name}/{code}: {file} has {ids.size} pictures, not this one")
        return Picture(q[found[0]], np.float32(scale[found[0]]))

    def _archive(self, file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            with np.load(file, allow_pickle=False) as archive:
                ids, q, scale = archive["ids"], archive["q"], archive["scale"]
        except FileNotFoundError:
            sets = sorted(path.stem.split("-", 1)[1] for path in file.parent.glob(f"{self.kind}-*.npz"))
            found = ", ".join(sets) or f"no features in {file.parent}"
            raise BitmarError(f"picture set {file.stem.split('-', 1)[1]!r} is unknown, found: {found}") from None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise BitmarError(f"{file}: broken ({error})") from error
        if q.shape != (len(ids), picture.FEATURES) or q.dtype != np.int8 or scale.shape != (len(ids),):
            raise BitmarError(f"{file}: q {q.dtype} {q.shape}, expected int8 ({len(ids)}, {picture.FEATURES})")
        return ids, q, scale
