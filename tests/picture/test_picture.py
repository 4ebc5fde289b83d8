"""Property: a picture becomes the same 128 x 128 x 3 bytes on every target, those of the definition; broken files are named."""

from __future__ import annotations

import ctypes
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bitmar.image_mutations import mutated
from tests.kernels.build import FLAGS, HOST, ROOT, TARGETS, Target, compile_to
from tests.picture import spec

HERE = Path(__file__).resolve().parent
SOURCES = sorted((ROOT / "picture" / "src").glob("*.c"))
INCLUDE = f"-I{ROOT / 'picture' / 'include'}"
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
OUT = (spec.SIZE, spec.SIZE, 3)
RGB565 = 2
assert FLAGS  # the warnings are errors here too


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    path = compile_to("picture.so", HOST, SOURCES, ["-shared", "-fPIC", INCLUDE])
    return ctypes.CDLL(str(path))


def prepare(library: ctypes.CDLL, pixels: np.ndarray, form: int | None = None) -> np.ndarray:
    """pic_prepare of uint8 [height, width, 3 or 4]."""
    pixels, out = np.ascontiguousarray(pixels), np.full(OUT, 99, np.int8)
    height, width = pixels.shape[:2]
    stride = ctypes.c_size_t(pixels.strides[0])
    status = library.pic_prepare(
        form or pixels.shape[2], pixels.ctypes.data_as(ctypes.c_void_p), width, height, stride, out.ctypes
    )
    assert status == 0
    return out


def pictures() -> list[np.ndarray]:
    """Photographs and cut-outs of many sizes: smaller and larger than the network's input, lines, blank and black sheets."""
    random, found = np.random.default_rng(4), []
    for height, width in ((1, 1), (1, 300), (128, 128), (127, 129), (40, 31), (240, 320), (301, 257)):
        noise = random.integers(0, 256, (height, width, 4)).astype(np.uint8)
        found += [
            noise,
            noise[..., :3],
            np.full((height, width, 3), 255, np.uint8),
            np.zeros((height, width, 4), np.uint8),
        ]
        for channels in (3, 4):
            sheet = np.full((height, width, channels), 255, np.uint8)
            sheet[..., 3:] = 0
            top, left = height // 3, width // 4
            sheet[top : top + height // 2 + 1, left : left + width // 3 + 1] = noise[
                : height // 2 + 1, : width // 3 + 1, :channels
            ]
            found.append(sheet)
    return found


def test_pixels_in_memory(library: ctypes.CDLL) -> None:
    for pixels in pictures():
        np.testing.assert_array_equal(prepare(library, pixels), spec.prepare(pixels), str(pixels.shape))


def test_camera_frames(library: ctypes.CDLL) -> None:
    words = np.random.default_rng(5).integers(0, 65536, (120, 160)).astype("<u2")
    found = prepare(library, words.view(np.uint8).reshape(120, 160, 2), RGB565)
    np.testing.assert_array_equal(found, spec.prepare(spec.rgb565(words)))


def test_sizes_that_are_none(library: ctypes.CDLL) -> None:
    out = np.zeros(OUT, np.int8)
    for width, height in ((0, 5), (5, 0), (-1, 5), (16385, 1), (1, 16385)):
        assert library.pic_prepare(3, out.ctypes, width, height, ctypes.c_size_t(0), out.ctypes) == -1


def saved(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def files() -> list[tuple[bytes, np.ndarray]]:
    """BMP and PPM files of every kind that is read, with their pixels."""
    random, found = np.random.default_rng(6), []
    for height, width in ((1, 1), (33, 61), (90, 64), (200, 130)):
        image = Image.fromarray(random.integers(0, 256, (height, width, 3)).astype(np.uint8))
        kinds: list[tuple[Image.Image, str]] = [(image, "BMP"), (image, "PPM"), (image.convert("L"), "PPM")]
        kinds += [(image.convert("L"), "BMP"), (image.convert("P"), "BMP")]
        found += [(saved(kind, form), np.asarray(kind.convert("RGB"))) for kind, form in kinds]
        rows = np.asarray(image)[..., ::-1]
        four = np.concatenate([rows, rows[..., :1]], -1).tobytes()
        head = struct.pack("<2sIIIIiiHHIIIIII", b"BM", 0, 0, 54, 40, width, -height, 1, 32, 0, 0, 0, 0, 0, 0)
        found.append((head + four, np.asarray(image)))  # from the top, four bytes a pixel
        comment = b"P6 # a comment 7\n#another\n %d\n%d 255\n" % (width, height)
        found.append((comment + np.asarray(image).tobytes(), np.asarray(image)))
    return found


def run(target: Target, contents: list[bytes], folder: Path, *flags: str) -> np.ndarray:
    """int8 [N, 128, 128, 3] of the program."""
    (folder / "in").write_bytes(b"".join(struct.pack("<I", len(content)) + content for content in contents))
    elf = compile_to("prepare", target, [HERE / "prepare.c", *SOURCES], [INCLUDE, *flags])
    target.run(elf, str(folder / "in"), str(folder / "out"))
    return np.fromfile(folder / "out", np.int8).reshape(len(contents), *OUT)


@pytest.mark.parametrize("name", ["host", "armv7", "cortex-m7"])
def test_files_on_every_target(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    given = files()
    for found, (_, pixels) in zip(run(target, [content for content, _ in given], tmp_path), given, strict=True):
        np.testing.assert_array_equal(found, spec.prepare(pixels), str(pixels.shape))


def problem(prepared: np.ndarray) -> str | None:
    """What the program said."""
    text = prepared.tobytes()
    return text[3:].split(b"\0")[0].decode() if text.startswith(b"no:") else None


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not a BMP or PPM"),
    "PNG": (lambda: saved(Image.new("RGB", (9, 9)), "PNG"), "not a BMP or PPM"),
    "cut": (lambda: saved(Image.new("RGB", (9, 9)), "BMP")[:-5], "ends before its last row"),
    "cut PPM": (lambda: saved(Image.new("RGB", (9, 9)), "PPM")[:-1], "ends before its last row"),
    "16 bits": (lambda: b"P5 4 4 65535\n" + bytes(32), "not a BMP or PPM"),
    "no pixels": (lambda: b"P5 0 4 255\n", "without pixels"),
    "too high": (lambda: b"P5 1 20000 255\n" + bytes(20000), "side of more than 16384"),
    "too wide for the row": (lambda: b"P5 701 1 255\n" + bytes(701), "too wide for this device"),
}


def test_broken_files_are_sentences(tmp_path: Path) -> None:
    import re

    contents = [make() for make, _ in BROKEN.values()]
    for prepared, (case, (_, message)) in zip(run(HOST, contents, tmp_path, *SANITIZERS), BROKEN.items(), strict=True):
        assert re.search(message, problem(prepared) or "seen"), case


def test_damaged_files_under_sanitizers(tmp_path: Path) -> None:
    random, given = np.random.default_rng(8), [content for content, pixels in files() if pixels.shape[0] < 91]
    damaged = [mutated(given[i % len(given)], random) for i in range(1500)]
    said = [problem(prepared) for prepared in run(HOST, damaged, tmp_path, *SANITIZERS)]
    assert 300 < sum(text is None for text in said) < 1200
