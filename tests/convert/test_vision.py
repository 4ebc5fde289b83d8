"""Property: an int8 vision network gives TensorFlow Lite's reference bits on every target, in strips of any height, within its
planned arena."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from convert.aot.vision.generate import generate_vision
from convert.aot.vision.network import Network, activation_range, load, quantised_multiplier
from convert.aot.vision.plan import Place, held_bytes, make_plan, work_bytes
from tests.convert import vision_spec
from tests.convert.vision_build import SIDE, reference_maps, run_c, small_network
from tests.kernels.build import HOST, TARGETS

SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vision") / "small.tflite"
    small_network(path)
    return path


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Noise, black, white, and bars of the extremes."""
    random = np.random.default_rng(1)
    noise = random.integers(-128, 128, (4, SIDE, SIDE, 3))
    flat = np.stack([np.full((SIDE, SIDE, 3), value) for value in (-128, 127)])
    bars = np.where(random.random((2, SIDE, 1, 3)) < 0.5, -128, 127) * np.ones((1, 1, SIDE, 1), int)
    return np.concatenate([noise, flat, bars]).astype(np.int8)


@pytest.fixture(scope="module")
def maps(small: Path, pictures: np.ndarray) -> np.ndarray:
    return reference_maps(small, pictures)


def test_the_specification_is_the_reference(small: Path, pictures: np.ndarray, maps: np.ndarray) -> None:
    network = load(small)
    assert len(np.unique(maps)) > 100
    for picture, expected in zip(pictures, maps, strict=True):
        np.testing.assert_array_equal(vision_spec.run(network, picture), expected)


@pytest.mark.parametrize(
    ("name", "variants"),
    [("host", {"portable"}), ("armv7", {"portable", "dsp"}), ("cortex-m7", {"portable", "dsp"})],
)
def test_every_target_gives_the_reference(
    name: str, variants: set[str], small: Path, pictures: np.ndarray, maps: np.ndarray, tmp_path: Path
) -> None:
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    counts, found = run_c(small, pictures, target, tmp_path)
    assert set(counts) == variants
    np.testing.assert_array_equal(found, np.broadcast_to(maps, found.shape))


@pytest.mark.parametrize("more", [0, 20_000, 400_000])
def test_strips_of_any_height(more: int, small: Path, pictures: np.ndarray, maps: np.ndarray, tmp_path: Path) -> None:
    """Under sanitizers; the arena is an array of exactly its size."""
    arena = make_plan(load(small)).lower_bound + more
    _, found = run_c(small, pictures, HOST, tmp_path, *SANITIZERS, arena_bytes=arena)
    np.testing.assert_array_equal(found, np.broadcast_to(maps, found.shape))


def test_the_arena_is_its_lower_bound(small: Path) -> None:
    network = load(small)
    plan = make_plan(network)
    assert plan.arena_bytes == plan.lower_bound == max(held_bytes(b) + work_bytes(b, 1) for b in network.blocks)
    assert len({place.strip for place in plan.places}) > 1


def overwritten_before_it_is_read(place: Place) -> bool:
    """Strip by strip, as kernels/src/block.c goes: does a row of output fall on a row of input that a later strip reads?"""
    block = place.block
    in_row, out_row = block.in_bytes // block.side, block.out_bytes // block.out_side
    above = max(0, (block.out_side - 1) * block.stride + block.kernel - block.side) // 2
    for first in range(0, block.out_side, place.strip):
        end = min(first + place.strip, block.out_side)
        read = (end - 1) * block.stride + block.kernel - above
        unread = range(place.source + read * in_row, place.source + block.in_bytes)
        written = range(place.out + first * out_row, place.out + end * out_row)
        if unread and max(unread.start, written.start) < min(unread.stop, written.stop):
            return True
    return False


@pytest.mark.parametrize("more", [0, 5_000, 100_000])
def test_nothing_overlaps(more: int, small: Path) -> None:
    network = load(small)
    plan = make_plan(network, make_plan(network).lower_bound + more)
    for place in plan.places:
        block, work = place.block, range(place.work, place.work + place.work_bytes)
        maps = [(place.source, block.in_bytes), (place.out, block.out_bytes)]
        assert all(at >= 0 and at + size <= plan.arena_bytes for at, size in [*maps, (work.start, len(work))])
        assert all(at + size <= work.start or work.stop <= at for at, size in maps)
        assert place.source == place.out or not block.add
        assert place.work % 4 == 0 and place.work_bytes >= work_bytes(block, place.strip)
        assert block.add or not overwritten_before_it_is_read(place)
    for before, after in pairwise(plan.places):
        assert before.out == after.source


def test_equal_input_gives_equal_files(small: Path, tmp_path: Path) -> None:
    reports = [generate_vision(small, tmp_path / name) for name in ("a", "b")]
    assert reports[0] == reports[1]
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_multipliers() -> None:
    for real in (1.0, 0.75, 0.5, 0.003, 2.0**-32, 1.9999999999):
        multiplier, shift = quantised_multiplier(real)
        assert 2**30 <= multiplier < 2**31
        assert abs(multiplier / 2**31 * 2.0**shift / real - 1) < 2**-30
    assert quantised_multiplier(0.0) == quantised_multiplier(2.0**-40) == (0, 0)


def test_activation_ranges() -> None:
    assert activation_range(0, 0.1, 3) == (-128, 127)
    assert activation_range(1, 0.1, -20) == (-20, 127)
    assert activation_range(3, 0.1, -20) == (-20, 40)
    assert activation_range(3, 6 / 255, -128) == (-128, 127)


def test_other_networks_are_refused(small: Path, tmp_path: Path) -> None:
    data = small.read_bytes()
    for name, content in (("text", b"hello"), ("cut", data[:3000]), ("none", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(BitmarError, match=name) as error:
            load(tmp_path / name)
        assert "\n" not in str(error.value)


def test_the_network_is_a_chain(small: Path) -> None:
    network: Network = load(small)
    assert [(b.kernel, b.stride, b.add is not None, b.side) for b in network.blocks] == [
        (3, 1, False, 24),
        (3, 2, False, 24),
        (5, 1, True, 12),
        (5, 2, False, 12),
        (3, 1, True, 6),
    ]
