"""What several frames of a camera say together: the blurred ones are dropped, the features of the others averaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from PIL import Image

from bitmar.errors import BitmarError

FRAMES = 5  # that one look takes
SHARP = 0.5  # of the sharpest one's: a frame below this share is blurred
SIDE = 160  # pixels of the longer side that sharpness is judged at: above the network's, so that its blur counts, not the lens's
RECENT = 4  # frames that a live one is compared with


def sharpness(image: Image.Image) -> float:
    """Mean square of the Laplacian of the grey picture at SIDE pixels (Pech-Pacheco et al., 2000)."""
    grey = image.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    x = np.asarray(grey, np.float32)
    if min(x.shape) < 3:
        return 0.0
    laplacian = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * x[1:-1, 1:-1]
    return float(np.square(laplacian).mean())


def look(frames: Iterator[Image.Image], see: Callable[[Image.Image], np.ndarray], name: str) -> np.ndarray:
    """The next FRAMES frames -> float32 [768], the mean of what is seen in those that are not blurred.

    Args: see: an image's features, float32 [768]; name: the camera's, for the error.
    Raises: BitmarError: the source has no more frames.
    """
    taken = list(islice(frames, FRAMES))
    if not taken:
        raise BitmarError(f"camera {name}: no more frames")
    sharp = np.array([sharpness(image) for image in taken])
    kept = [image for image, value in zip(taken, sharp, strict=True) if value >= SHARP * sharp.max()]
    return np.mean([see(image) for image in kept], axis=0, dtype=np.float32)


def sharp_frames(frames: Iterable[Image.Image]) -> Iterator[Image.Image]:
    """Frames as they come, without those that are blurred beside the sharpest of the last RECENT ones."""
    recent: deque[float] = deque(maxlen=RECENT)
    for image in frames:
        recent.append(sharpness(image))
        if recent[-1] >= SHARP * max(recent):
            yield image
