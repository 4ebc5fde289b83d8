"""Damaged image files: small good ones of every format that is read, and seeded mutations of them.

python -m tests.bitmar.image_mutations COUNT SEED: looks at as many, prints what was found and the peak of RAM.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from bitmar.errors import BitmarError
from bitmar.image_file import LONGEST, open_image
from bitmar.picture import prepare_image

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
KINDS = ("byte", "bit", "number") * 4 + ("cut", "double", "end")


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """The file's bytes."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def good_files() -> dict[str, bytes]:
    """One small picture in many encodings."""
    rows, columns = np.mgrid[0:40, 0:52]
    pixels = np.stack([rows * 6, columns * 4, (rows * columns) % 256, 255 - rows * 3], -1).astype(np.uint8)
    rgba = Image.fromarray(pixels)
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    frames = {"save_all": True, "append_images": [rgb.transpose(Image.Transpose.ROTATE_180)]}
    sixteen = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    files = {
        "rgb.png": encoded(rgb, "PNG", exif=exif),
        "rgba.png": encoded(rgba, "PNG"),
        "palette.png": encoded(rgb.convert("P"), "PNG"),
        "bits.png": encoded(grey.convert("1"), "PNG"),
        "sixteen.png": encoded(sixteen, "PNG"),
        "animated.png": encoded(rgb, "PNG", **frames),
        "baseline.jpg": encoded(rgb, "JPEG", exif=exif),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True, subsampling=0),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "two.mpo": encoded(rgb, "MPO", **frames),
        "rgb.bmp": encoded(rgb, "BMP"),
        "palette.bmp": encoded(rgb.convert("P"), "BMP"),
        "still.gif": encoded(rgb.convert("P"), "GIF"),
        "animated.gif": encoded(rgb, "GIF", **frames),
        "lossy.webp": encoded(rgb, "WEBP"),
        "lossless.webp": encoded(rgba, "WEBP", lossless=True, exif=exif),
        "animated.webp": encoded(rgb, "WEBP", **frames),
        "grey.pgm": encoded(grey, "PPM"),
        "rgb.ppm": encoded(rgb, "PPM"),
        "sixteen.pgm": b"P5 52 40 65535\n" + np.asarray(sixteen).astype(">u2").tobytes(),
        "text.ppm": b"P3 2 2 255\n" + b"1 2 3 4 5 6 7 8 9 10 11 12\n",
        "float.tif": encoded(Image.fromarray((pixels[..., 0] / 255).astype(np.float32)), "TIFF"),
        "sixteen.tif": encoded(sixteen, "TIFF"),
    }
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        files[f"{compression}.tif"] = encoded(rgb, "TIFF", compression=compression, exif=exif)
    return files


def with_checksums(png: bytes) -> bytes:
    """A PNG with the right CRC in every chunk, so that damage reaches the decoder."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if at + 12 + length > len(png):
            break
        chunk = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return bytes(out + png[at:])


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """One to three damages: mostly bytes changed and numbers made extreme; parts cut out, doubled or cut off."""
    out = bytearray(data)
    for _ in range(random.integers(1, 4)):
        # headers are where sizes and offsets lie
        at = int(random.integers(0, min(len(out), 200) if random.random() < 0.6 else len(out)))
        kind = str(random.choice(KINDS))
        if kind == "byte":
            out[at] = random.integers(0, 256)
        elif kind == "bit":
            out[at] ^= 1 << int(random.integers(0, 8))
        elif kind == "number":
            size, order = int(random.choice((2, 4))), str(random.choice(("little", "big")))
            value = int(random.choice(EXTREMES)) & (256**size - 1)
            out[at : at + size] = value.to_bytes(size, order)
        elif kind == "cut":
            del out[at : at + int(random.integers(1, 20))]
        elif kind == "double":
            out[at:at] = out[at : at + int(random.integers(1, 40))]
        else:
            del out[at:]
        if not out:
            return b""
    return with_checksums(bytes(out)) if data.startswith(b"\x89PNG") and random.random() < 0.8 else bytes(out)


def mutations(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged files and their names."""
    random, files = np.random.default_rng(seed), sorted(good_files().items())
    for i in range(count):
        name, data = files[i % len(files)]
        yield name, mutated(data, random)


def look(count: int, seed: int) -> dict[str, int]:
    """Opens every mutation: {"seen": n, "refused": n}. Raises whatever is neither a picture nor one line."""
    found = {"seen": 0, "refused": 0}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in mutations(count, seed):
            path = Path(folder) / name
            path.write_bytes(data)
            try:
                image = open_image(path)
                assert max(image.size) <= LONGEST
                assert np.isfinite(prepare_image(image, path)).all()
                found["seen"] += 1
            except BitmarError as error:
                assert "\n" not in str(error) and str(error).startswith(f"picture {path}: ")
                found["refused"] += 1
    return found


def peak() -> int:
    """Megabytes of RAM that this process had at most; `ru_maxrss` would begin with its parent's."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    result = look(*map(int, sys.argv[1:]))
    print(json.dumps({**result, "megabytes": peak()}))
