"""The canonical form of a picture, 768 int8 numbers and one scale; and the features that need no network.

The one implementation: training data and device both come through here. `bitmar.image_file` opens files, `bitmar.eye` is the
network. Thumbnails (`vision: thumb16`), in NumPy and Pillow alone:

    image -> composed on white -> cropped to its content -> square with a margin -> 160x160 -> 16x16 means -> int8 + scale
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

from bitmar.errors import BitmarError
from bitmar.image_file import eight_bits, small

SIZE = 160  # pixels, side of the picture that thumbnails are made of
FEATURES = 768
MARGIN = 1.06  # side of the square / longer side of the content
VISIBLE = 8  # a pixel is content if its alpha (or, without transparency, its distance from white) is above this, of 255
THUMB = 16  # side of the thumbnail of `vision: thumb16`: 16 * 16 * 3 = 768
MAX_FEATURE = 1e6  # of 768 numbers that come from outside: a network's are below 100
MAX_NPY = 32_768  # bytes of a .npy file: 768 numbers of 16 bytes and a header
ABSMAX_FLOOR = np.float32(1e-5)


def content_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Box (left, upper, right, lower) of what is drawn in an RGBA picture.

    With transparent pixels: where alpha > VISIBLE. Without: where a channel differs from white by more than VISIBLE.
    The whole picture if nothing is found (a blank sheet is a picture too).
    """
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] <= VISIBLE:
        visible = alpha
    else:
        red, green, blue = ImageChops.invert(image.convert("RGB")).split()
        visible = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    box = visible.point(lambda value: 255 * (value > VISIBLE)).getbbox()
    return box or (0, 0, image.width, image.height)


def square_on_white(image: Image.Image) -> Image.Image:
    """RGB square, white background, content centred with a margin of 3 % on each end of its longer side."""
    image = image.convert("RGBA")
    image = image.crop(content_box(image))
    side = round(max(image.size) * MARGIN)
    sheet = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    sheet.alpha_composite(image, ((side - image.width) // 2, (side - image.height) // 2))
    return sheet.convert("RGB")


def prepare_image(image: Image.Image, where: object = "in RAM") -> np.ndarray:
    """Any Pillow image -> float32 [1, 160, 160, 3] in [-0.992, 1]: ((RGB 0..255) - 127) / 128.

    `where` it came from, for the text of an error.
    """
    image = small(eight_bits(image, where))
    pixels = square_on_white(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return ((np.asarray(pixels, np.float32) - np.float32(127)) / np.float32(128))[None]


def quantise_features(features: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """float32 [768] -> (int8 [768], float32 scale) with features ~ int8 * scale.

    Absmax rule, in float32: m = max(max|x|, 1e-5), r = 127 / m, q = clamp(round-half-even(x * r), -127, 127), scale = m / 127.
    """
    x = np.asarray(features, np.float32).reshape(-1)
    if x.shape != (FEATURES,):
        raise BitmarError(f"picture features: {x.size} numbers, expected {FEATURES}")
    if not np.isfinite(x).all():
        raise BitmarError("picture features: not a number or infinite, expected finite numbers")
    m = np.maximum(np.abs(x).max(), ABSMAX_FLOOR)
    q = np.clip(np.rint(x * (np.float32(127) / m)), -127, 127).astype(np.int8)
    return q, np.float32(m / np.float32(127))


def thumb16_features(image: np.ndarray) -> np.ndarray:
    """Prepared picture [1, 160, 160, 3] -> float32 [768]: 16x16 RGB block means, row by row (`vision: thumb16`)."""
    block = SIZE // THUMB
    return image.reshape(THUMB, block, THUMB, block, 3).mean((1, 3), dtype=np.float32).reshape(-1)


def check_numbers(shape: tuple[int, ...], dtype: np.dtype, where: object) -> None:
    """BitmarError unless an array of this shape and dtype holds 768 real numbers: (768,) or (1, 768)."""
    if shape not in ((FEATURES,), (1, FEATURES)) or dtype.kind not in "fiu":
        raise BitmarError(f"picture {where}: {dtype} of shape {shape}, expected {FEATURES} real numbers")


def real_numbers(array: np.ndarray, where: object) -> np.ndarray:
    """float32 [768] from an array of shape (768,) or (1, 768), any real dtype; `where` it came from, for the error."""
    check_numbers(array.shape, array.dtype, where)
    with np.errstate(over="ignore"):  # becomes infinite, which is refused
        numbers = array.reshape(-1).astype(np.float32)
    if not numbers.any():
        raise BitmarError(f"picture {where}: {FEATURES} zeros, expected what a picture's features are")
    if np.isfinite(numbers).all() and np.abs(numbers).max() > MAX_FEATURE:
        raise BitmarError(f"picture {where}: numbers up to {np.abs(numbers).max():g}, expected at most {MAX_FEATURE:g}")
    return numbers


def load_npy(path: str | Path) -> np.ndarray:
    """float32 [768] from a .npy file of shape (768,) or (1, 768), any real dtype.

    The header is read first: a file that claims to hold more is refused before anything is allocated for it.
    """
    path, layout = Path(path), np.lib.format
    try:
        if path.stat().st_size > MAX_NPY:
            raise BitmarError(f"picture {path}: {path.stat().st_size} bytes, expected {FEATURES} real numbers")
        with path.open("rb") as file:
            first_version = layout.read_magic(file) == (1, 0)
            shape, _, dtype = (layout.read_array_header_1_0 if first_version else layout.read_array_header_2_0)(file)
            check_numbers(shape, dtype, path)
            file.seek(0)
            return real_numbers(layout.read_array(file, allow_pickle=False), path)
    except FileNotFoundError:
        raise BitmarError(f"picture {path}: no such file") from None
    except (OSError, ValueError, EOFError) as error:
        raise BitmarError(f"picture {path}: broken .npy file ({error})") from None
