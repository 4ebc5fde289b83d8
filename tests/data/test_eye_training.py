"""Properties: the eye's training pools as the device does, and sees nothing that a split holds out; what it writes is what
`pipeline.py data` builds the network of."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from bitmar.errors import BitmarError
from bitmar.eye import SIZE, pool
from model.data import lite0
from model.data.build import Builder
from model.data.packages import LITE0
from model.training import eye
from tests.data.packages import HELD_OUT


def test_pooling_is_the_devices() -> None:
    maps = np.random.default_rng(3).integers(-128, 128, (20, 4, 4, 192)).astype(np.int8)
    maps[0] = 5  # nothing stands out
    zero_point = -7
    expected = [pool(cells, zero_point, np.ones(768, np.float32), np.zeros(768, np.float32)) for cells in maps]
    found = eye.object_pool(maps.astype(np.float32) - zero_point).numpy()
    assert np.abs(found[1:] - expected[1:]).max() < 1e-3


@pytest.fixture(scope="module")
def network(small: Builder) -> eye.Network:
    return eye.network(lite0.weights_of(small.packages[LITE0]))


@pytest.fixture(scope="module")
def seen(small: Builder, network: eye.Network) -> eye.Seen:
    return eye.see(small, network.frozen)


def test_nothing_held_out_is_seen(small: Builder, seen: eye.Seen) -> None:
    pictures = small.statistics_drawings()
    assert HELD_OUT and not {path.stem for path in pictures} & HELD_OUT
    assert len(seen.maps) == len(pictures) * (1 + seen.views)
    for group in seen.concepts:
        drawn = [pictures[index] for index in group]
        assert len({path.stem for path in drawn}) == 1 and len({path.parent for path in drawn}) == len(drawn) > 1


def test_what_is_stored_is_what_is_built(small: Builder, network: eye.Network, seen: eye.Seen, tmp_path: Path) -> None:
    before = [variable.numpy() for variable in network.trained.trainable_variables]
    losses = list(eye.train(network.trained, seen, steps=2))
    assert np.isfinite(losses).all()
    moved = [np.abs(v.numpy() - old).max() for v, old in zip(network.trained.trainable_variables, before, strict=True)]
    assert min(moved) > 0
    np.savez(path := tmp_path / "stage.npz", **eye.stored(network.trained))
    weights = lite0.weights_of(small.packages[LITE0])
    built = keras.Model(*lite0.body(weights, SIZE, lite0.read_trained(path)))
    picture = np.random.default_rng(4).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
    expected = network.trained(network.frozen(picture)).numpy()
    assert np.abs(built(picture).numpy() - expected).max() <= 0.01 * np.abs(expected).max()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BitmarError, match=r"stage\.npz is missing.*pipeline\.py eye"):
        lite0.read_trained(tmp_path / "stage.npz")
