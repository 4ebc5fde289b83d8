"""Small models and data for the model's tests: the real layers, few of them."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.bitmar import BitMar
from model.config import BitMarConfig, load_config
from model.training.batches import Texts, TrainingSet

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
SHIPPED = ROOT / "models" / "ultra_tiny"


def small(config: BitMarConfig, **training) -> BitMarConfig:
    """ultra_tiny with one layer of each kind and 300 tokens; sequences of 16."""
    quick = {
        "steps": 8,
        "batch": 16,
        "set_size": 8,
        "contrastive_pairs": 24,
        "key_steps": 2,
        "phrases": 8,
        "captions": 8,
        "warmup_steps": 2,
        **training,
    }
    return dataclasses.replace(
        config,
        vocab_size=300,
        text_dim=32,
        vision_hidden_size=32,
        vision_latent_size=32,
        fusion_dim=32,
        episode_dim=32,
        text_encoder_layers=1,
        text_decoder_layers=1,
        max_seq_len=16,
        position_features=8,
        training=dataclasses.replace(config.training, **quick),
    )


@pytest.fixture(scope="session")
def ultra_tiny() -> BitMarConfig:
    return load_config(CONFIGS / "bitmar_ultra_tiny.yaml")


@pytest.fixture(scope="session")
def small_config(ultra_tiny) -> BitMarConfig:
    return small(ultra_tiny)


@pytest.fixture
def small_model(small_config) -> BitMar:
    keras.utils.set_random_seed(3)
    return BitMar(small_config)


def random_texts(rng: np.random.Generator, count: int, low: int, high: int, length: int) -> Texts:
    lengths = rng.integers(low, high + 1, count).astype(np.int32)
    ids = np.zeros((count, length), np.int32)
    for row, n in zip(ids, lengths, strict=True):
        row[:n] = rng.integers(3, 300, n)
        row[n] = 2
    return Texts(ids, lengths)


@pytest.fixture(scope="session")
def small_data(small_config) -> TrainingSet:
    """40 things with three drawings each, all different."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(40, 1, 768))
    features = (centres + 0.3 * rng.normal(size=(40, 3, 768))).reshape(-1, 768).astype(np.float32)
    t = small_config.max_seq_len
    return TrainingSet(
        features=features,
        drawings=list(np.arange(120).reshape(40, 3)),
        names=random_texts(rng, 40, 1, 5, t),
        phrases={"plain": random_texts(rng, 200, 1, 6, t), "long": random_texts(rng, 20, 8, t - 1, t)},
        shares={"plain": 0.9, "long": 0.1},
    )
