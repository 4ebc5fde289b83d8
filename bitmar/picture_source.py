"""Finds and reads pictures: an image file, a .npy of 768 numbers, SET/CODE from the data (e.g. noto/1f353), the camera, or one in
RAM."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from PIL import Image

from bitmar import picture
from bitmar.camera import Camera
from bitmar.engine import Picture
from bitmar.errors import BitmarError
from bitmar.eye import NETWORK, Eye
from bitmar.frames import look
from bitmar.image_file import eight_bits, open_image, small
from bitmar.model_folder import ModelFolder
from bitmar.paths import exists

# what a picture may be given as
PictureLike = str | os.PathLike[str] | Image.Image | np.ndarray | Picture
CAMERA = "camera"
SET_AND_CODE = re.compile(r"(?P<set>[a-z0-9-]+)/(?P<code>[0-9a-f-]+)", re.IGNORECASE)


class PictureSource:
    """Finds and reads pictures; vision.tflite is loaded when the first image file comes.

    Args:
      data: folder that `pipeline.py data` made, or None.
      camera: what `camera` means as a picture, or None.
    """

    def __init__(
        self,
        model: ModelFolder,
        data: Path | None = None,
        runtime: str | None = None,
        camera: Camera | None = None,
    ):
        self.model, self.data, self.runtime, self.camera = model, data, runtime, camera
        self.kind = model.config.get("vision", "lite0_128")

    def read(self, given: PictureLike) -> Picture:
        """The picture in its canonical form.

        Args:
          given: a path, SET/CODE, "camera" (several frames of it), a Pillow image, an array (uint8 [height, width, 3 or 4] or
            [height, width], RGB order; or 768 real numbers), or the canonical form itself.

        Raises:
          BitmarError: no such picture, broken, or of another shape.
        """
        if isinstance(given, Picture):
            return given
        if isinstance(given, Image.Image):
            return self.from_image(given, "in RAM")
        if isinstance(given, np.ndarray):
            return self.from_array(given)
        if given == CAMERA:
            camera = self.opened_camera()
            see = partial(self.see, where=camera.name)
            return Picture(*picture.quantise_features(look(self.frames, see, camera.name)))
        path = Path(given)
        match = SET_AND_CODE.fullmatch(os.fspath(given))
        if match and not exists(path):
            return self.from_data(match["set"].lower(), match["code"].lower())
        if path.suffix.lower() == ".npy":
            return Picture(*picture.quantise_features(picture.load_npy(path)))
        return self.from_image(open_image(path), path)

    def from_image(self, image: Image.Image, where: object) -> Picture:
        """The features of an image; `where` it came from, for the error's text."""
        image = small(eight_bits(image, where))
        return Picture(*picture.quantise_features(self.see(image, where)))

    def opened_camera(self) -> Camera:
        """The camera. BitmarError where there is none."""
        if self.camera is None:
            raise BitmarError("picture camera: there is no camera, name one with --camera SOURCE (a file: ./camera)")
        return self.camera

    @cached_property
    def frames(self) -> Iterator[Image.Image]:
        """The camera's, those that were not taken yet."""
        return iter(self.opened_camera())

    def see(self, image: Image.Image, where: object) -> np.ndarray:
        """float32 [768] by the model's kind of pictures."""
        if self.kind == "thumb16":
            return picture.thumb16_features(picture.prepare_image(image))
        if self.kind == "file":
            raise BitmarError(f"picture {where}: model {self.model.name} takes .npy files of 768 numbers only")
        return self.eye.features(image)

    def from_array(self, array: np.ndarray) -> Picture:
        """An image's pixels, or its 768 numbers."""
        if (
            array.dtype == np.uint8
            and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
            and array.size
        ):
            return self.from_image(Image.fromarray(array), "in RAM")
        return Picture(*picture.quantise_features(picture.real_numbers(array, "in RAM")))

    @cached_property
    def eye(self) -> Eye:
        """The network that boards have too, from the model's folder or the data's."""
        return Eye(self.vision_folder(), self.runtime)

    def vision_folder(self) -> Path:
        """Where vision.tflite is."""
        folders = [self.model.path] + ([self.data] if self.data else [])
        for folder in folders:
            if (folder / NETWORK).exists():
                return folder
        raise BitmarError(f"{NETWORK} is missing, expected in {' or '.join(map(str, folders))}")

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
        """Codes, int8 features and scales of a picture set, checked."""
        from zipfile import BadZipFile  # here: it loads every compression that there is

        try:
            with np.load(file, allow_pickle=False) as archive:
                ids, q, scale = archive["ids"], archive["q"], archive["scale"]
        except FileNotFoundError:
            sets = sorted(path.stem.split("-", 1)[1] for path in file.parent.glob(f"{self.kind}-*.npz"))
            found = ", ".join(sets) or f"no features in {file.parent}"
            raise BitmarError(f"picture set {file.stem.split('-', 1)[1]!r} is unknown, found: {found}") from None
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise BitmarError(f"{file}: broken ({error})") from error
        if q.shape != (len(ids), picture.FEATURES) or q.dtype != np.int8 or scale.shape != (len(ids),):
            raise BitmarError(f"{file}: q {q.dtype} {q.shape}, expected int8 ({len(ids)}, {picture.FEATURES})")
        return ids, q, scale
