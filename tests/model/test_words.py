"""Property: before the first step a text can be written and read back, by words that nothing was trained on."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from model.bitmar import BitMar
from model.config import BitMarConfig
from model.training.channel import fit_channel
from model.training.words import start_words

CLASSES = {"decoder_shortlist": 60, "decoder_class_words": 60}


def model_of(config: BitMarConfig, **sizes: int) -> BitMar:
    keras.utils.set_random_seed(3)
    return BitMar(dataclasses.replace(config, text_dim=64, fusion_dim=64, episode_dim=64, **sizes))


def read_back(model: BitMar) -> float:
    """Share of all words that come back as the first of a text of their own; the whole model, its blocks untrained."""
    c = model.config
    tokens = np.arange(c.vocab_size, dtype=np.int32)[:, None]
    no_picture = np.zeros((c.vocab_size, c.vision_tokens, c.text_dim), np.float32)
    episode = model.write(tokens, np.ones((c.vocab_size, 1), np.float32), no_picture)
    latent = np.zeros((c.vocab_size, c.vision_latent_size), np.float32)
    best = model.likeliest(np.full_like(tokens, c.bos_id), model.memory.context_of(episode), latent)
    return float(np.mean(np.array(best) == tokens))


@pytest.mark.parametrize("sizes", [{}, CLASSES], ids=["one level", "classes"])
def test_untrained_words_come_back(small_config: BitMarConfig, sizes: dict[str, int]) -> None:
    model = model_of(small_config, **sizes)
    fit_channel(model, 200)
    before = read_back(model)
    start_words(model)
    after = read_back(model)
    assert before < 0.03 and after > 0.25, (before, after)


def test_both_tables_are_the_same_and_the_seed_decides(small_config: BitMarConfig) -> None:
    first, second = model_of(small_config), model_of(small_config)
    start_words(first)
    start_words(second)
    table = first.decoder.embedding.embeddings.numpy()
    assert np.array_equal(table, first.text.embedding.embeddings.numpy())
    assert np.array_equal(table, second.decoder.embedding.embeddings.numpy())
    assert len(np.unique(table, axis=0)) == len(table)


def test_more_features_than_the_width(small_config: BitMarConfig) -> None:
    model = model_of(small_config, position_features=80)
    before = model.episode.per_position.kernel.numpy()
    start_words(model)
    after = model.episode.per_position.kernel.numpy()
    assert np.array_equal(before[:, 64:], after[:, 64:]) and not np.array_equal(before[:, :64], after[:, :64])
