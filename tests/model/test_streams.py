"""Property: one pass over a stream is the decoder's cache token by token; training sees running text at all of its slots."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from bitmar.engine import cache_slot
from model.functional import KeyValueCache
from model.streams import streams
from model.training.batches import STREAM_WINDOWS, BatchMaker
from model.training.step import TrainStep, make_optimizer
from model.training.texts import random_tokens, stretches

LENGTH = 56  # three windows and a half


@pytest.fixture
def with_text(small_config):
    """Two stretches a step, random words among the phrases."""
    return dataclasses.replace(small_config, training=dataclasses.replace(small_config.training, text_rows=2))


@pytest.fixture
def running(small_data, small_config):
    length = STREAM_WINDOWS * small_config.max_seq_len
    rows = np.random.default_rng(4).integers(3, 300, (30, length), dtype=np.int32)
    return dataclasses.replace(small_data, running=rows)


def test_one_pass_is_the_cache_token_by_token(small_model, small_config) -> None:
    c, rng = small_config, np.random.default_rng(0)
    tokens = rng.integers(0, c.vocab_size, (2, LENGTH), dtype=np.int32)
    context = rng.normal(size=(2, c.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(2, c.vision_latent_size)).astype(np.float32)
    whole = small_model.decode(tokens, context, latent, streams(2, LENGTH, c)).numpy()
    zeros = ops.zeros((2, c.max_seq_len, c.text_dim))
    caches = [KeyValueCache(tf.constant([0]), zeros, zeros, c.attention_sinks) for _ in range(c.text_decoder_layers)]
    for at in range(LENGTH):
        for cache in caches:
            cache.position = tf.constant([at])
        slot = tf.constant([cache_slot(at, c.max_seq_len, c.attention_sinks)])
        ids, logits = small_model.decode_step(tokens[:, at : at + 1], slot, context, latent, caches)
        same = np.take_along_axis(whole[:, at], ids.numpy()[:, 0], axis=-1)
        np.testing.assert_allclose(same, logits.numpy()[:, 0], atol=2e-3, err_msg=f"token {at}")


def test_training_sees_every_slot_with_every_age(small_config) -> None:
    """The ring has gone round once: each of its slots has held the newest token."""
    c = small_config
    through = streams(1, STREAM_WINDOWS * c.max_seq_len, c)
    slots = np.asarray(through.position)[0, c.max_seq_len :]
    assert set(slots.tolist()) == set(range(c.attention_sinks, c.max_seq_len))


def test_running_text_is_trained_and_leaves_the_rest_of_the_batch_alone(
    with_text, small_config, small_data, running
) -> None:
    plain, text = BatchMaker(small_data, small_config).batch(3), BatchMaker(running, with_text).batch(3)
    for name in ("taught", "asked", "tokens", "previous", "targets", "own_name"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(text, name), err_msg=name)
    assert plain.stream.shape[0] == 0 and text.stream.shape == (2, 2 * small_config.max_seq_len)
    np.testing.assert_array_equal(text.stream[:, 1:], text.stream_targets[:, :-1])
    assert (text.stream[:, 0] == with_text.bos_id).all()


def test_running_text_is_learnt(with_text, running, small_model) -> None:
    few = dataclasses.replace(running, running=running.running[:2])
    maker = BatchMaker(few, with_text)
    model = type(small_model)(with_text)
    step = TrainStep(model, make_optimizer(model))
    losses = [step(maker.batch(i), 0.01)["text"] for i in range(25)]
    assert losses[0] == pytest.approx(np.log(300), rel=0.1)
    assert losses[-1] < 0.8 * losses[0]


class Letters:
    """A tokenizer in which each character is a token."""

    vocab_size, pad, bos, eos = 300, 0, 1, 2

    @property
    def tokenizer(self):
        return self

    def encode_batch(self, texts, add_special_tokens):
        return [type("Row", (), {"ids": [ord(c) for c in text]}) for text in texts]


def test_stretches_start_at_paragraphs_and_go_on_into_the_next() -> None:
    rows = stretches(["abc", "de", "fghijk"], Letters(), 6)
    assert ["".join(map(chr, row)) for row in rows] == ["abc de", "de fgh", "fghijk"]
    assert stretches(["abc"], Letters(), 6).shape == (0, 6)


def test_seldom_words_are_drawn_more_often_and_none_is_left_out() -> None:
    seen = np.zeros(300, np.int64)
    seen[3:100] = 1000
    texts = random_tokens(Letters(), 16, 4000, (0, 7), seen)
    written = np.concatenate([ids[:n] for ids, n in zip(texts.ids, texts.lengths, strict=True)])
    counts = np.bincount(written, minlength=300)
    assert counts[:3].sum() == 0 and (counts[3:] > 0).sum() > 290
    assert 20 < counts[100:].mean() / counts[3:100].mean() < 45
