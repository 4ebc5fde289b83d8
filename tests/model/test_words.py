"""Property: before the first step a text can be written and read back, by words that nothing was trained on."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from model.bitmar import BitMar
from model.config import BitMarConfig
from model.training.channel import set_channel
from model.training.ternary_rows import rounded, ternary_rows
from model.training.word_directions import LENGTH, word_directions
from model.training.words import start_words
from model.word_classes import WordClasses

CLASSES = {"decoder_shortlist": 60, "decoder_class_words": 60}


def model_of(config: BitMarConfig, **sizes: int) -> BitMar:
    keras.utils.set_random_seed(3)
    return BitMar(dataclasses.replace(config, text_dim=64, fusion_dim=64, episode_dim=64, **sizes))


def read_back(model: BitMar, words: int) -> float:
    """Share of the words of texts of `words` words that come back; every word of the vocabulary, the whole model untrained."""
    c = model.config
    order = np.random.default_rng(1).permutation(c.vocab_size)
    tokens = order[: c.vocab_size // words * words].reshape(-1, words).astype(np.int32)
    previous = np.concatenate([np.full_like(tokens[:, :1], c.bos_id), tokens[:, :-1]], 1)
    no_picture = np.zeros((len(tokens), c.vision_tokens, c.text_dim), np.float32)
    episode = model.write(tokens, np.ones(tokens.shape, np.float32), no_picture)
    latent = np.zeros((len(tokens), c.vision_latent_size), np.float32)
    best = model.likeliest(previous, model.memory.context_of(episode), latent)
    return float(np.mean(np.array(best) == tokens))


@pytest.mark.parametrize("words", [1, 8])
@pytest.mark.parametrize("sizes", [{}, CLASSES], ids=["one level", "classes"])
def test_untrained_words_come_back(small_config: BitMarConfig, sizes: dict[str, int], words: int) -> None:
    model = model_of(small_config, **sizes)
    before = read_back(model, words)
    start_words(model)
    set_channel(model)
    after = read_back(model, words)
    assert before < 0.03 and after > 0.97, (before, after)


def test_both_tables_are_the_same_and_the_seed_decides(small_config: BitMarConfig) -> None:
    first, second = model_of(small_config), model_of(small_config)
    start_words(first)
    start_words(second)
    table = first.decoder.embedding.embeddings.numpy()
    assert np.array_equal(table, first.text.embedding.embeddings.numpy())
    assert np.array_equal(table, second.decoder.embedding.embeddings.numpy())
    assert len(np.unique(table, axis=0)) == len(table)


def test_a_word_does_not_speak_for_itself_as_the_next(small_config: BitMarConfig) -> None:
    """One table reads and writes: without the mirrored signs of the last norm a word's own logit would be the largest."""
    model = model_of(small_config)
    start_words(model)
    rows = model.decoder.embedding.embeddings.numpy()
    own = np.einsum("vd,d,vd->v", rows, model.decoder.norm.gain.numpy(), rows)
    plain = np.einsum("vd,vd->v", rows, rows) * np.abs(model.decoder.norm.gain.numpy()).mean()
    assert np.abs(own).mean() < 0.15 * plain.mean()


@pytest.mark.parametrize("dims", [5, 8])
def test_rows_have_the_products_that_are_wanted(dims: int) -> None:
    rng = np.random.default_rng(2)
    basis = rounded(rng.standard_normal((64, dims)) * 1.2)
    near = rng.standard_normal((500, 64))
    wanted = near @ basis
    wanted *= 30 / np.linalg.norm(wanted, axis=1, keepdims=True)
    rows = ternary_rows(near, basis, wanted, rng)
    assert set(np.unique(rows)) <= {-1, 0, 1}
    missed = np.linalg.norm(rows @ basis - wanted, axis=1).mean()
    alone = np.linalg.norm(rounded(near / np.abs(near).mean()) @ basis - wanted, axis=1).mean()
    assert missed < 1.5 and missed < 0.2 * alone, (missed, alone)


@pytest.mark.parametrize("dims", [7, 9])
def test_directions_are_told_apart_class_by_class(dims: int) -> None:
    """As the head chooses: a class before the shortlist, another class or none; then a word of the class."""
    classes = WordClasses(3000, 400, 250)
    words, centres = word_directions(classes.vocab_size, dims, classes, np.random.default_rng(4))
    assert centres is not None
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), LENGTH, rtol=1e-6)
    own = classes.of(np.arange(classes.vocab_size))
    likeliest = (words @ np.concatenate([words[: classes.shortlist], centres]).T).argmax(1)
    assert np.array_equal(likeliest, np.where(own < 0, np.arange(classes.vocab_size), classes.shortlist + own))
    similar = words @ words.T
    np.fill_diagonal(similar, -1)
    same = own[:, None] == own[None]
    assert np.where(same, similar, -1).max() < 0.995


def test_directions_without_classes_and_in_one_dimension() -> None:
    rng = np.random.default_rng(4)
    assert word_directions(300, 6, None, rng)[1] is None
    assert word_directions(300, 1, WordClasses(300, 60, 60), rng)[0].shape == (300, 1)
