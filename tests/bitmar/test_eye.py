"""Property: the eye sees what picture/ and the pooling define; its files are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitmar.errors import BitmarError
from bitmar.eye import FEATURES, pool, prepare, read_pooling, write_pooling
from tests.kernels import spec as kernels_spec
from tests.picture import spec


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_every_mode_is_prepared(mode: str) -> None:
    random = np.random.default_rng(1)
    image = Image.fromarray(random.integers(0, 256, (90, 70, 4)).astype(np.uint8)).convert(mode)
    form = "RGBA" if mode in ("RGBA", "LA") or "transparency" in image.info else "RGB"
    np.testing.assert_array_equal(prepare(image), spec.prepare(np.asarray(image.convert(form))))


def test_pooling_is_the_specification() -> None:
    random = np.random.default_rng(2)
    cells = random.integers(-128, 128, (4, 4, 192)).astype(np.int8)
    scale, shift = random.uniform(0.1, 3, FEATURES).astype(np.float32), random.normal(size=FEATURES).astype(np.float32)
    expected = kernels_spec.object_pool(cells, 7, scale, shift)
    assert pool(cells, 7, scale, shift).tobytes() == expected.tobytes()


def test_pooling_standardises(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    numbers = random.normal(5, 3, (400, FEATURES)).astype(np.float32)
    write_pooling(tmp_path / "vision.bin", numbers.mean(0), numbers.std(0))
    scale, shift = read_pooling(tmp_path / "vision.bin")
    seen = numbers * scale + shift
    assert np.abs(seen.mean(0)).max() < 1e-4 and np.abs(seen.std(0) - 1).max() < 1e-4


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, b"\xff" * (8 * FEATURES)])
def test_broken_pooling_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "vision.bin").write_bytes(content)
    with pytest.raises(BitmarError, match=r"vision\.bin: "):
        read_pooling(tmp_path / "vision.bin")


def test_too_long_a_side_is_refused() -> None:
    with pytest.raises(BitmarError, match="16384"):
        prepare(Image.new("RGB", (16_385, 1)))
