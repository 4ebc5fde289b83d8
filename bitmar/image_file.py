"""Opens an image file: what it would take is known before anything is decoded, and whatever is wrong with it is one line.

Pillow's decoders are made for files of good will. So only the formats of FORMATS are tried, size and memory are judged by the
file's header, large pictures are scaled down first thing, and anything that a decoder raises is the file's fault.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bitmar.errors import BitmarError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # an MPO is opened as JPEG
MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 64_000_000
MAX_BYTES = 200_000_000  # of RAM, by `bytes_a_pixel`
LONGEST = 800  # pixels: the longer side of what leaves this module is at most this
SIXTEEN = 65_535  # white of a 16-bit image
ORIENTATION = 0x0112  # EXIF tag
BITS_PER_SAMPLE = 258  # TIFF tag


def open_image(path: str | Path) -> Image.Image:
    """Decode an image file, turned upright by its EXIF tag: 8 bits a channel, at most LONGEST pixels long.

    Of an animated file the first frame is taken, which the log says.

    Raises:
      BitmarError: the file is missing, not an image of FORMATS, broken, or larger than this can decode in MAX_BYTES.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise BitmarError(f"picture {path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BitmarError(f"picture {path}: broken image ({reason})") from None
    with file:
        return read_image(file, path)


def read_image(file: BinaryIO, where: object) -> Image.Image:
    """The same of an open file or of bytes in RAM; `where` they came from, for the error's text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about broken EXIF tags, which are one line below or do not matter
            with Image.open(file, formats=FORMATS) as image:
                return decode(image, where)
    except BitmarError:
        raise
    except UnidentifiedImageError:
        raise BitmarError(f"picture {where}: not an image file, expected {', '.join(FORMATS)} or .npy") from None
    except Image.DecompressionBombError:
        raise BitmarError(f"picture {where}: too large, expected at most {MAX_PIXELS} pixels") from None
    except (
        Exception
    ) as error:  # decoders raise nearly anything: IndexError, struct.error, TypeError, ZeroDivisionError ...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BitmarError(f"picture {where}: broken image ({reason})") from None


def decode(image: Image.Image, where: object) -> Image.Image:
    """An opened, not yet decoded image -> as `open_image` gives it; BitmarError where it is too large."""
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BitmarError(
            f"picture {where}: {width}x{height} pixels, expected at most {MAX_SIDE} a side and {MAX_PIXELS} in all"
        )
    if (
        getattr(image, "is_animated", False) and image.format != "MPO"
    ):  # a camera's MPO has a preview beside the picture
        import logging  # here: 0.4 MB of RAM, for a picture that is rare

        logging.getLogger("bitmar").warning("picture %s: several frames, the first is taken", where)
    if (
        factor := max(width, height) // (LONGEST // 2)
    ) > 1:  # a JPEG is decoded at half its size, a quarter or an eighth
        image.draft(None, (-(-width // factor), -(-height // factor)))
    needed = image.width * image.height * bytes_a_pixel(image)
    if image.format in ("JPEG", "MPO") and image.info.get("progressive"):
        needed += width * height * 6  # the coefficients of all scans: 16 bits, three channels
    if needed > MAX_BYTES:
        raise BitmarError(
            f"picture {where}: {width}x{height} pixels take {needed / 1e6:.0f} MB to decode,"
            f" expected at most {MAX_BYTES / 1e6:.0f}"
        )
    image.load()
    return upright(small(eight_bits(image, where)))


def bytes_a_pixel(image: Image.Image) -> int:
    """What decoding and scaling down take, measured and rounded up (bytes of RAM for a pixel of the file)."""
    if image.format == "WEBP" or image.mode in ("I", "F"):  # WebP: two canvases, a copy of one, Pillow's own
        return 17
    if image.mode.startswith("I;16"):
        return 8
    return 9 if image.mode in ("1", "P", "PA", "LA", "RGBA", "La", "RGBa") else 6


def eight_bits(image: Image.Image, where: object) -> Image.Image:
    """An image of 16-bit or float samples -> 8 bits, white still white; others as they are.

    Raises:
      BitmarError: samples whose white is unknown: 32-bit integers, floats outside of [0, 1], 9 to 15 bits.
    """
    if image.mode != "I" and image.mode != "F" and not image.mode.startswith("I;16"):
        return image
    info, samples = image.info, np.asarray(image)
    bits = image.tag_v2.get(BITS_PER_SAMPLE, (16,)) if image.format == "TIFF" else (16,)
    if image.mode == "F":
        if not (samples >= 0).all() or not (samples <= 1).all():  # nan is neither
            raise BitmarError(f"picture {where}: float samples outside of 0 to 1, expected 0 (black) to 1 (white)")
        samples = np.rint(samples * np.float32(255)).astype(np.uint8)
    elif set(np.atleast_1d(bits)) != {16} or samples.min() < 0 or samples.max() > SIXTEEN:
        raise BitmarError(f"picture {where}: integer samples, neither 8 nor 16 bits, expected one of them")
    else:
        samples = ((np.arange(SIXTEEN + 1) * 255 + SIXTEEN // 2) // SIXTEEN).astype(np.uint8)[samples]
    image = Image.fromarray(samples)
    image.info = info
    return image


def small(image: Image.Image) -> Image.Image:
    """Block means, so that the longer side is at most LONGEST pixels; a smaller image as it is."""
    factor = -(-max(image.size) // LONGEST)
    if factor == 1:
        return image
    if image.mode in ("1", "P", "PA"):  # numbers that cannot be averaged
        image = image.convert("RGBA")
    return image.reduce(factor)


def upright(image: Image.Image) -> Image.Image:
    """Turned as the EXIF tag says; a tag that says nothing known turns nothing."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def is_transparent(image: Image.Image) -> bool:
    """Whether anything may be seen through it."""
    return "A" in image.getbands() or "transparency" in image.info


def opaque(image: Image.Image) -> Image.Image:
    """RGB, the image itself where it is that already; what is transparent becomes white."""
    if not is_transparent(image):
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
