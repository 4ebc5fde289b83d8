"""Property: an image file is a picture or one line, and never more RAM than the limit; white stays white, up stays up."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitmar.errors import BitmarError
from bitmar.image_file import LONGEST, open_image
from bitmar.picture import prepare_image
from tests.bitmar.image_mutations import encoded, good_files
from tests.bitmar.runtimes import ROOT

MEGABYTES = 300


def look_at_mutations(count: int, seed: int) -> dict[str, int]:
    """In a process of its own: a decoder that crashes ends that one, and its peak of RAM is its own."""
    command = [sys.executable, "-m", "tests.bitmar.image_mutations", str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_damaged_files_are_pictures_or_one_line() -> None:
    found = look_at_mutations(2000, 1)
    assert found["seen"] > 200 and found["refused"] > 200 and found["megabytes"] < MEGABYTES, found


@pytest.mark.full
def test_many_damaged_files_are_pictures_or_one_line() -> None:
    assert look_at_mutations(100_000, 2)["megabytes"] < MEGABYTES


def test_undamaged_files_are_one_picture(tmp_path: Path) -> None:
    """Every encoding of good_files decodes, those with an EXIF tag to a picture that stands upright."""
    for name, data in good_files().items():
        (tmp_path / name).write_bytes(data)
        image = open_image(tmp_path / name)
        turned = name in ("rgb.png", "baseline.jpg", "lossless.webp") or (name.endswith(".tif") and "teen" not in name)
        turned = turned and name != "float.tif"
        assert image.size == (2, 2) if name == "text.ppm" else ((40, 52) if turned else (52, 40)), name


def test_sixteen_bits_and_floats_keep_their_greys(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    images = {
        "16.png": Image.fromarray(ramp.astype(np.uint16) * 257),
        "16.tif": Image.fromarray(ramp.astype(np.uint16) * 257),
        "float.tif": Image.fromarray(ramp.astype(np.float32) / 255),
    }
    for name, image in images.items():
        image.save(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(open_image(tmp_path / name)), ramp)
        np.testing.assert_array_equal(prepare_image(image), prepare_image(Image.fromarray(ramp)))


@pytest.mark.parametrize(
    "array, message",
    [
        (np.full((4, 4), 255, np.float32), "float samples outside of 0 to 1"),
        (np.full((4, 4), np.nan, np.float32), "float samples outside of 0 to 1"),
        (np.full((4, 4), 70_000, np.int32), "neither 8 nor 16 bits"),
    ],
)
def test_samples_of_unknown_white_are_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    Image.fromarray(array).save(tmp_path / "a.tif")
    with pytest.raises(BitmarError, match=message):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("longest", [60, 4 * LONGEST])
def test_orientation(format: str, longest: int, tmp_path: Path) -> None:
    """Eight ways to hold a camera, one picture; a large one too."""
    upright = Image.new("RGB", (longest, longest // 2), "white")
    upright.paste("red", (0, 0, longest // 2, longest // 4))
    undo = [None, None, *(Image.Transpose(t) for t in (0, 3, 1, 5, 2, 6, 4))]  # tag 2 to 8: how the camera stored it
    halved = format == "JPEG" and longest > LONGEST  # while it is decoded, down to half of LONGEST at least
    expected = np.asarray(upright.reduce(8 if halved else -(-longest // LONGEST)).convert("RGB"), int)
    for tag in range(1, 9) if longest < LONGEST else (6,):
        exif = Image.Exif()
        exif[0x0112] = tag
        stored = upright if undo[tag] is None else upright.transpose(undo[tag])
        stored.save(tmp_path / "a", format, exif=exif)
        seen = np.asarray(open_image(tmp_path / "a").convert("RGB"), int)
        assert seen.shape == expected.shape and np.abs(seen - expected).mean() < 3, tag


def test_the_first_frame_is_taken_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("animated.gif", "animated.png", "animated.webp"):
        (tmp_path / name).write_bytes(good_files()[name])
        with caplog.at_level(logging.WARNING, "bitmar"):
            first = np.asarray(open_image(tmp_path / name).convert("RGB"), int)
        expected = np.asarray(Image.open(tmp_path / name).convert("RGB"), int)
        assert np.array_equal(first, expected)
        assert caplog.messages[-1] == f"picture {tmp_path / name}: several frames, the first is taken"
    (tmp_path / "two.mpo").write_bytes(good_files()["two.mpo"])
    open_image(tmp_path / "two.mpo")
    assert len(caplog.messages) == 3


def test_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(encoded(Image.new("RGB", (8, 8)), "EPS"))
    with pytest.raises(BitmarError, match=r"a\.eps: not an image file, expected BMP, GIF"):
        open_image(tmp_path / "a.eps")


def test_a_large_picture_looks_like_a_small_one() -> None:
    """Scaled down before anything else: the same features but for rounding; transparent colours do not bleed."""
    yes, no = (200, 20, 30, 255), (0, 255, 0, 0)
    small, large = (Image.new("RGBA", (size, size), no) for size in (400, 4000))
    for image in (small, large):
        image.paste(yes, tuple(image.width * part // 10 for part in (2, 3, 7, 9)))
    small, large = prepare_image(small), prepare_image(large)
    assert np.abs(small - large).mean() < 0.005
    assert (large[..., 1] <= large[..., 0] + 0.05).all()  # no green: neither red nor white has more of it than of red


def test_a_line_is_a_picture() -> None:
    """One pixel high or wide, of any length: what is in RAM already is refused no more."""
    for size in ((60_000, 1), (1, 60_000)):
        assert prepare_image(Image.new("RGB", size, "red")).shape == (1, 160, 160, 3)


PEAK = """
import sys
from bitmar.image_file import open_image
from bitmar.picture import prepare_image
from tests.bitmar.image_mutations import peak
prepare_image(open_image(sys.argv[1]))
print(peak())
"""
# nearly the largest of each kind that is decoded
LARGEST: dict[str, Callable[[], bytes]] = {
    "side": lambda: encoded(Image.new("RGB", (16_384, 2)), "PNG"),
    "RGB PNG": lambda: encoded(Image.new("RGB", (5700, 5800)), "PNG", compress_level=1),
    "RGBA PNG": lambda: encoded(Image.new("RGBA", (4700, 4700)), "PNG", compress_level=1),
    "palette PNG": lambda: encoded(Image.new("P", (4700, 4700)), "PNG", compress_level=1),
    "16-bit PNG": lambda: encoded(Image.new("I;16", (4900, 5000)), "PNG", compress_level=1),
    "float TIFF": lambda: encoded(Image.new("F", (3400, 3400)), "TIFF"),
    "16-bit PGM": lambda: b"P5 3400 3400 65535\n" + bytes(2 * 3400 * 3400),
    "LZW TIFF": lambda: encoded(Image.new("RGB", (5700, 5800)), "TIFF", compression="tiff_lzw"),
    "WebP": lambda: encoded(Image.new("RGBA", (3400, 3400), (9, 9, 9, 9)), "WEBP", lossless=True, quality=0, method=0),
    "baseline JPEG": lambda: encoded(Image.new("RGB", (8000, 8000)), "JPEG"),
    "progressive JPEG": lambda: encoded(Image.new("RGB", (5400, 5400)), "JPEG", progressive=True, subsampling=0),
}


@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_pictures_fit(kind: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGEST[kind]())
    done = subprocess.run(
        [sys.executable, "-c", PEAK, tmp_path / "large"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < MEGABYTES - 50  # the runtime and a model come beside it
