"""Property: the channel's matrices carry what they are given, and stay finite whatever they start from."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from model.bitmar import BitMar
from model.config import BitMarConfig
from model.training.channel import fit_channel


def cosine(model: BitMar, positions: int) -> float:
    """Mean cosine between features written into an episode and what is expanded of it again."""
    c, rng = model.config, np.random.default_rng(1)
    x = rng.standard_normal((64, positions, c.position_features)).astype(np.float32)
    context = model.memory.context_of(model.episode.combine(x))
    back = np.reshape(model.decoder.expand(context), (64, c.max_seq_len, -1))[:, :positions]
    lengths = np.linalg.norm(back, axis=-1) * np.linalg.norm(x, axis=-1)
    return float(np.mean(np.sum(back * x, -1) / lengths))


def test_features_come_back(small_config: BitMarConfig) -> None:
    keras.utils.set_random_seed(3)
    model = BitMar(dataclasses.replace(small_config, episode_dim=64))
    before = cosine(model, 4)
    fit_channel(model, 200)
    assert abs(before) < 0.2 and cosine(model, 4) > 0.8


def test_a_position_that_has_faded_to_zeros(small_config: BitMarConfig) -> None:
    """After some thousand steps of fitting, positions that no text reaches did: all weights were NaN then."""
    model = BitMar(dataclasses.replace(small_config, max_seq_len=32))
    kernel = model.decoder.expand.kernel.numpy()
    kernel[:, -small_config.position_features :] = 0
    model.decoder.expand.kernel.assign(kernel)
    fit_channel(model, 2)
    assert all(np.isfinite(v.numpy()).all() for v in model.trainable_variables)
