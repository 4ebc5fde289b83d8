"""Property: what up to dim // features positions write into a slot is read from it without crosstalk, with ternary matrices."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from model.bitmar import BitMar
from model.config import BitMarConfig
from model.training.channel import channel, fixed_variables, set_channel

SHAPES = [(64, 5, 128), (64, 7, 128), (128, 9, 256), (16, 8, 32), (16, 8, 64), (16, 3, 16), (64, 16, 16)]


@pytest.mark.parametrize(("positions", "features", "dim"), SHAPES)
def test_the_product_is_the_identity(positions: int, features: int, dim: int) -> None:
    write, value, read = channel(positions, features, dim)
    product, alone = write @ value @ read, dim // features * features
    for matrix in (write, value, read):
        assert set(np.unique(matrix)) <= {-1.0, 0.0, 1.0}
    assert product.shape == (positions * features, positions * features)
    assert np.array_equal(product[:alone, :alone], product[0, 0] * np.eye(min(alone, len(product))))
    assert np.ptp(np.diag(product)) == 0


@pytest.mark.parametrize(("positions", "features", "dim"), SHAPES[:5])
def test_later_positions_disturb_by_a_known_share(positions: int, features: int, dim: int) -> None:
    """Gold's bound: at most 2 / sqrt(dim) of a feature is heard in another."""
    write, value, read = channel(positions, features, dim)
    product = write @ value @ read
    others = np.abs(product - np.diag(np.diag(product)))
    assert 0 < others.max() <= 2 / dim**0.5 * product[0, 0]


def through(model: BitMar, positions: int) -> np.ndarray:
    """Cosines between features written into an episode and what is expanded of it again, [texts, positions]."""
    c, rng = model.config, np.random.default_rng(1)
    x = rng.standard_normal((64, positions, c.position_features)).astype(np.float32)
    context = model.memory.context_of(model.episode.combine(x))
    back = np.reshape(model.decoder.expand(context), (64, c.max_seq_len, -1))[:, :positions]
    return np.sum(back * x, -1) / (np.linalg.norm(back, axis=-1) * np.linalg.norm(x, axis=-1))


def test_features_come_back_through_the_models_slot(small_config: BitMarConfig) -> None:
    """With int8 activations and the slot's half precision in between."""
    keras.utils.set_random_seed(3)
    model = BitMar(dataclasses.replace(small_config, episode_dim=64))
    full = 64 // small_config.position_features
    before = through(model, full)
    set_channel(model)
    after = through(model, full)
    assert np.abs(before.mean()) < 0.2 and after.min() > 0.99


def test_the_scale_stays_that_of_the_start(small_model: BitMar) -> None:
    kernels = small_model.episode.project.kernel, small_model.memory.value.kernel, small_model.decoder.expand.kernel
    before = [kernel.numpy().std() for kernel in kernels]
    set_channel(small_model)
    np.testing.assert_allclose([kernel.numpy().std() for kernel in kernels], before, rtol=1e-5)


def test_what_is_fixed_are_the_five_matrices_of_a_texts_way(small_model: BitMar) -> None:
    names = [variable.path.split("/")[-2] for variable in fixed_variables(small_model)]
    assert names == ["per_position", "project", "value", "expand", "from_position"]
