"""Property: a picture has one canonical form, whatever file it comes in; what is not a picture is refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bitmar.errors import BitmarError
from bitmar.eye import Eye
from bitmar.image_file import LONGEST, open_image
from bitmar.picture import FEATURES, load_npy, prepare_image, quantise_features, thumb16_features
from model.data.build import Builder
from model.data.features import load, thumbnail
from model.data.states import quantise_rows
from tests.data.conftest import ROOT


def figure(mode: str = "RGBA", size: tuple[int, int] = (200, 120), at: tuple[int, int] = (30, 20)) -> Image.Image:
    """A 60 x 40 red ellipse with a blue square, anywhere on a transparent or white sheet."""
    image = Image.new(mode, size, (255, 255, 255, 0)[: len(mode)])
    draw = ImageDraw.Draw(image)
    x, y = at
    draw.ellipse((x, y, x + 59, y + 39), fill=(200, 30, 30))
    draw.rectangle((x + 20, y + 10, x + 35, y + 25), fill=(20, 40, 220))
    return image


@pytest.mark.parametrize("size, at", [((200, 120), (0, 0)), ((64, 64), (2, 20)), ((700, LONGEST), (411, 333))])
@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_place_and_background_do_not_matter(mode: str, size: tuple[int, int], at: tuple[int, int]) -> None:
    np.testing.assert_array_equal(prepare_image(figure(mode, size, at)), prepare_image(figure()))


def test_form() -> None:
    image = prepare_image(figure())
    assert image.shape == (1, 160, 160, 3) and image.dtype == np.float32
    white = (255 - 127) / 128
    assert image.max() == white and image.min() >= -127 / 128
    columns, rows = ((image[0] != white).any(axis).any(-1).nonzero()[0] for axis in (0, 1))
    assert columns[0] in range(3, 7) and columns[-1] in range(153, 157)  # 3 % of margin on each side
    assert abs((rows[-1] - rows[0] + 1) / (columns[-1] - columns[0] + 1) - 40 / 60) < 0.03


def test_blank_sheet_is_a_picture() -> None:
    assert (prepare_image(Image.new("RGB", (50, 30), "white")) == 1).all()


@pytest.mark.parametrize("mode", ["P", "L", "LA", "1", "I;16", "CMYK"])
def test_any_mode(mode: str) -> None:
    image = Image.new(mode, (30, 40)) if mode == "I;16" else figure().convert(mode)
    assert np.isfinite(prepare_image(image)).all()


def test_thumbnail_is_block_means() -> None:
    image = np.random.default_rng(0).random((1, 160, 160, 3), np.float32)
    thumb = thumb16_features(image).reshape(16, 16, 3)
    np.testing.assert_allclose(thumb[3, 5], image[0, 30:40, 50:60].mean((0, 1)), rtol=1e-5)
    assert thumb.size == FEATURES


numbers = st.floats(-(2.0**66), 2.0**66, width=32)


@given(st.lists(numbers, min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_quantisation(values: list[float], seed: int) -> None:
    """Against the rule written out number by number; the batched form gives the same."""
    x = np.random.default_rng(seed).choice(np.array(values, np.float32), FEATURES)
    q, scale = quantise_features(x)
    m = max([abs(v) for v in x] + [np.float32(1e-5)])
    r = np.float32(127) / m
    expected = [min(127, max(-127, round(float(np.float32(v * r))))) for v in x]  # round(): half to even
    assert q.tolist() == expected and q.dtype == np.int8
    assert scale == m / np.float32(127)
    rows, scales = quantise_rows(np.stack([x, x[::-1]]))
    assert rows[0].tolist() == expected and rows[1].tolist() == expected[::-1] and (scales == scale).all()


def test_zeros() -> None:
    q, scale = quantise_features(np.zeros(FEATURES))
    assert not q.any() and scale > 0


def test_npy(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=FEATURES)
    for i, array in enumerate((x, x[None], x.astype(np.float16))):
        np.save(tmp_path / f"{i}.npy", array)
        q, scale = quantise_features(load_npy(tmp_path / f"{i}.npy"))
        np.testing.assert_array_equal(q, quantise_features(array.astype(np.float32))[0])
        assert scale == quantise_features(array.astype(np.float32))[1]


def bad_files(folder: Path) -> dict[str, Path]:
    png = folder / "good.png"
    figure().save(png)
    content = png.read_bytes()
    files = {"no such file": folder / "missing.png"}
    for reason, name, data in (
        ("not an image file", "text.png", b"hello"),
        ("not an image file", "empty.jpg", b""),
        ("broken image", "cut.png", content[: len(content) // 2]),
        ("broken .npy", "text.npy", b"hello"),
    ):
        (folder / name).write_bytes(data)
        files[f"{reason}|{name}"] = folder / name
    for name, array in (("long", np.zeros(769)), ("matrix", np.zeros((2, 384))), ("words", np.full(FEATURES, "a"))):
        np.save(folder / f"{name}.npy", array)
        files[f"expected 768 real numbers|{name}"] = folder / f"{name}.npy"
    np.save(folder / "nan.npy", np.full(FEATURES, np.nan))
    files["expected finite numbers|nan"] = folder / "nan.npy"
    np.save(folder / "object.npy", np.array([{}] * FEATURES), allow_pickle=True)
    files["expected 768 real numbers|object"] = folder / "object.npy"
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    with (folder / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    files["expected 768 real numbers|huge"] = folder / "huge.npy"
    return files


def test_bad_files_are_named(tmp_path: Path) -> None:
    for reason, path in bad_files(tmp_path).items():
        with pytest.raises(BitmarError, match=reason.split("|")[0]) as error:
            quantise_features(load_npy(path)) if path.suffix == ".npy" else open_image(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("vision", ["lite0_128", "thumb16"])
def test_data_and_device_see_the_same_numbers(small: Builder, vision: str) -> None:
    """The stored features are what the device computes from the picture file."""
    see = Eye(small.data_dir).features if vision == "lite0_128" else thumbnail
    stored = load(small.data_dir / "features" / f"{vision}-noto.npz")
    for i in range(0, len(stored.ids), 7):
        q, scale = quantise_features(see(open_image(small.data_dir / "pictures/noto" / f"{stored.ids[i]}.png")))
        np.testing.assert_array_equal(q, stored.q[i])
        assert scale == stored.scale[i]


def test_real_features(real: Path) -> None:
    see = Eye(real).features
    stored = load(real / "features/lite0_128-noto.npz")
    for i in range(0, len(stored.ids), 100):
        q, scale = quantise_features(see(open_image(real / "pictures/noto" / f"{stored.ids[i]}.png")))
        np.testing.assert_array_equal(q, stored.q[i])
        assert scale == stored.scale[i]


def test_needs_no_training_package() -> None:
    """The device imports this module: NumPy and Pillow only."""
    code = (
        "import sys, bitmar.picture; "
        "print([m for m in ('model', 'convert', 'tensorflow', 'keras', 'yaml', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
