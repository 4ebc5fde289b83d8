"""The pictures that were shown lately and the answers that were given, by number: what `teach`, `right` and `wrong` speak of.

A picture is kept as the 768 numbers that the model takes and a small JPEG for people; both together are some 20 KB.
"""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from PIL import Image

from bitmar.device import Answer
from bitmar.engine import Picture
from bitmar.image_file import opaque
from pi_app.page.body import RefusedError

SHOWN_PIXELS = 480  # the longer side of what a page shows
THUMBNAIL_PIXELS = 160
KEPT = 96  # of each kind

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A picture that was shown."""

    features: Picture
    jpeg: bytes
    thumbnail: bytes


@dataclass(frozen=True)
class Answered:
    """An answer and the picture that was asked with (None: a text)."""

    answer: Answer
    picture: str | None
    features: Picture | None


class Lately(Generic[T]):
    """The last things of a kind, by an id that cannot be guessed.

    What a camera shows comes four times a second and is forgotten soon, unless somebody speaks of it.
    """

    def __init__(self, what: str):
        self.what = what
        self.kept: OrderedDict[str, T] = OrderedDict()
        self.brief: OrderedDict[str, T] = OrderedDict()

    def add(self, value: T, brief: bool = False) -> str:
        """Its id. `brief`: nobody has asked for it."""
        key = secrets.token_urlsafe(9)
        self.put(self.brief if brief else self.kept, key, value)
        return key

    @staticmethod
    def put(group: OrderedDict[str, T], key: str, value: T) -> None:
        """As the newest; the oldest goes where there are too many."""
        group[key] = value
        while len(group) > KEPT:
            group.popitem(last=False)

    def get(self, key: str) -> T:
        """The one with that id. RefusedError where there is none."""
        if (value := self.peek(key)) is None:
            raise RefusedError(404, f"{self.what} {key!r}: not among the last {KEPT}, expected the id of one of them")
        self.brief.pop(key, None)
        self.kept.pop(key, None)
        self.put(self.kept, key, value)
        return value

    def peek(self, key: str) -> T | None:
        """The same, which does not count as speaking of it; None where there is none."""
        return self.kept.get(key) or self.brief.get(key)


def pictured(features: Picture, image: Image.Image) -> Shown:
    """A picture in the form that is kept. Not in the device's thread, which others wait for."""
    shown = reduced(image, SHOWN_PIXELS)
    return Shown(features, jpeg(shown), jpeg(reduced(shown, THUMBNAIL_PIXELS)))


def reduced(image: Image.Image, longest: int) -> Image.Image:
    """RGB, the longer side at most so many pixels; the image itself stays as it is, and is not copied whole."""
    image = opaque(image)
    if (factor := longest / max(image.size)) >= 1:
        return image
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def jpeg(image: Image.Image, quality: int = 80) -> bytes:
    """An RGB image as JPEG, without what the file said beside its pixels (where it was taken, by whom)."""
    file = io.BytesIO()
    pixels = Image.new("RGB", image.size)
    pixels.paste(image)
    pixels.save(file, "JPEG", quality=quality)
    return file.getvalue()
