"""Drawings -> canonical pictures (int8 [768] + scale), one .npz per set: `features/<vision>-<set>.npz`."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from bitmar.errors import BitmarError
from bitmar.eye import Eye
from bitmar.image_file import open_image
from bitmar.picture import FEATURES, prepare_image, quantise_features, thumb16_features
from model.data.arrays import read_npz
from model.data.files import replacing
from model.data.progress import in_threads, progress

STATISTICS_SAMPLE = 1024  # training drawings that mean and standard deviation are measured on
STATISTICS_SEED = 20
STD_FLOOR = 1e-3


class Features(NamedTuple):
    """Canonical pictures of one set."""

    ids: np.ndarray  # str [N]: concept ids
    q: np.ndarray  # int8 [N, 768]
    scale: np.ndarray  # float32 [N]; features ~ q * scale


NONE = Features(np.zeros(0, str), np.zeros((0, FEATURES), np.int8), np.zeros(0, np.float32))


def sample(pictures: list[Path], count: int) -> list[Path]:
    """A seeded choice of at most `count` pictures."""
    return [pictures[i] for i in np.random.default_rng(STATISTICS_SEED).permutation(len(pictures))[:count]]


def statistics(pictures: list[Path], network: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (float32 [768] each) of the network's pooled map over a seeded sample of `pictures`."""
    eye = Eye(network.parent, standardised=False)
    chosen = progress(sample(pictures, STATISTICS_SAMPLE), "vision.bin: statistics")
    values = np.stack([eye.features(open_image(picture)) for picture in chosen]).astype(np.float64)
    return values.mean(0).astype(np.float32), (values.std(0) + STD_FLOOR).astype(np.float32)


def each_view(
    pictures: list[Path],
    views: Callable[[Image.Image, np.random.Generator], Iterable[Image.Image]],
    see: Callable[[Image.Image], np.ndarray],
    title: str,
) -> list[list[np.ndarray]]:
    """What `see` sees in the `views` of each drawing (RGBA, a generator seeded by its set and code)."""
    looking = threading.Lock()  # an eye looks at one picture at a time

    def seen_in(path: Path) -> list[np.ndarray]:
        random = np.random.default_rng(zlib.crc32(f"{path.parent.name}/{path.stem}".encode()))
        seen = []
        for view in views(open_image(path).convert("RGBA"), random):
            with looking:
                seen.append(see(view))
        return seen

    return in_threads(seen_in, pictures, title)


def of_views(
    ids: list[str],
    pictures: list[Path],
    views: Callable[[Image.Image, np.random.Generator], Iterable[Image.Image]],
    see: Callable[[Image.Image], np.ndarray],
    title: str,
) -> Features:
    """The features that an eye's `see` sees in the `views` of each drawing, as many of each."""
    seen = each_view(pictures, views, see, title)
    return several(ids, [[quantise_features(numbers) for numbers in of_one] for of_one in seen])


def several(ids: list[str], seen: list[list[tuple[np.ndarray, np.float32]]]) -> Features:
    """Views of each picture, as many of each, one behind the other: its int8 [768] and scale."""
    q, scale = (np.array(part) for part in zip(*(view for views in seen for view in views), strict=True))
    return Features(np.repeat(np.array(ids, str), len(seen[0])), q.astype(np.int8), scale.astype(np.float32))


def thumbnail(image: Image.Image) -> np.ndarray:
    """float32 [768]: `vision: thumb16`."""
    return thumb16_features(prepare_image(image))


def thumbnails(pictures: list[Path], title: str) -> np.ndarray:
    """float32 [N, 768]: 16x16 RGB thumbnails in 0..255, for finding near-duplicates."""
    thumbs = [thumb16_features(prepare_image(open_image(path))) * 128 + 127 for path in progress(pictures, title)]
    return np.stack(thumbs).astype(np.float32) if thumbs else np.zeros((0, FEATURES), np.float32)


def compute(ids: list[str], pictures: list[Path], see: Callable[[Image.Image], np.ndarray], title: str) -> Features:
    """Every picture through the code that the device runs: `see` is an eye's `features`, or `thumbnail`."""
    loaded = [quantise_features(see(open_image(path))) for path in progress(pictures, title)]
    q = np.array([picture[0] for picture in loaded], np.int8).reshape(-1, FEATURES)
    return Features(np.array(ids, dtype=str), q, np.array([picture[1] for picture in loaded], np.float32))


def save(features: Features, path: Path) -> None:
    """Write .npz, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **features._asdict())


def load(path: Path) -> Features:
    """Read .npz; BitmarError if it is missing or broken."""
    arrays = read_npz(path, "pipeline.py data")
    if set(arrays) != set(Features._fields):
        raise BitmarError(f"{path}: arrays {', '.join(arrays)}, expected {', '.join(Features._fields)}")
    features = Features(**arrays)
    n = features.ids.size
    found = [(array.dtype.kind, array.shape) for array in features]
    if found != [("U", (n,)), ("i", (n, FEATURES)), ("f", (n,))] or features.q.dtype != np.int8:
        raise BitmarError(f"{path}: arrays of unexpected type or shape; delete it and run `pipeline.py data`")
    if not np.isfinite(features.scale).all():
        raise BitmarError(f"{path}: a scale that is not finite; delete it and run `pipeline.py data`")
    return features
