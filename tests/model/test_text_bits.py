"""Property: bits per byte are those of the decoder's own probabilities, token by token through the cache, whoever's tokens."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from benchmarks.text import FloatFunctions
from bitmar.engine import cache_slot
from model.bitmar import BitMar
from model.config import from_dict
from model.data.running_text import Document
from model.data.tokenizers import train_bpe
from model.evaluation import text
from model.functional import KeyValueCache, replaced_by

WORDS = ["ärger", "the", "cup", "river", "of", "a", "lamp", "that", "drum", "ship"]


def prose(seed: int, bytes_at_least: int) -> list[str]:
    """Paragraphs of words at random."""
    rng, made = np.random.default_rng(seed), []
    while sum(len(p.encode()) for p in made) < bytes_at_least:
        made.append(" ".join(WORDS[i] for i in rng.integers(0, len(WORDS), 40)) + ".")
    return made


@pytest.fixture(scope="module")
def tokenizer():
    return train_bpe([], prose(0, 2000), 290)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return text.stretches([Document("a", True, prose(1, 16_000)), Document("b", False, prose(2, 6000))])


def test_stretches_are_held_out_whole_paragraphs_at_even_distances(texts):
    held = prose(1, 16_000)
    assert len(texts) == 3 and all(text.STRETCH <= len(t.encode()) < text.STRETCH + 300 for t in texts)
    assert " ".join(held).startswith(" ".join(texts))
    assert text.stretches([Document("a", True, held)], 2) == [texts[0], texts[1]]
    assert text.stretches([Document("a", False, held)]) == []


def test_a_uniform_model_takes_log2_of_its_vocabulary_a_token(small_model, tokenizer, texts):
    small_model.decoder.embedding.embeddings.assign(np.zeros((300, 32), np.float32))
    bits = text.measure(small_model, tokenizer, texts)
    row = text.text_row(bits, 16)
    tokens = [len(tokenizer.encode(t)) for t in texts]
    size = sum(len(t.encode()) for t in texts)
    np.testing.assert_allclose(bits.anew, np.log2(300) * np.array(tokens), rtol=1e-6)
    assert row["bits_per_byte"] == pytest.approx(np.log2(300) * sum(tokens) / size, abs=1e-4)
    assert (row["tokens"], row["bytes"], row["n"], row["window"]) == (sum(tokens), size, 3, 16)
    stream = row["stream"]
    assert (stream["ratio"], stream["last_window"], stream["low"], stream["high"]) == (1, 1, 1, 1)
    assert stream["tokens"] == 8 * 16 and stream["bits_per_byte"] == stream["inside"]
    first = [tokenizer.decode(tokenizer.encode(t)[:128]) for t in texts]
    assert bits.stream_size == pytest.approx([len(t.encode()) for t in first], abs=4)  # a letter may be cut


def by_steps(model: BitMar, tokens: np.ndarray) -> np.ndarray:
    """-log2 p of each token of int32 [R, L], one after the other through `TextDecoder.step` and its caches."""
    c, (rows, length) = model.config, tokens.shape
    zeros = ops.zeros((rows, c.max_seq_len, c.text_dim))
    caches = [KeyValueCache(tf.constant([0]), zeros, zeros, c.attention_sinks) for _ in range(c.text_decoder_layers)]
    nothing = np.zeros((rows, c.episode_dim), np.float32), np.zeros((rows, c.vision_latent_size), np.float32)
    out, previous = np.empty(tokens.shape), np.full((rows, 1), c.bos_id, np.int32)
    for at in range(length):
        for cache in caches:
            cache.position = tf.constant([at])
        slot = tf.constant([cache_slot(at, c.max_seq_len, c.attention_sinks)])
        ids, logits = (x.numpy()[:, 0] for x in model.decoder.step(previous, slot, *nothing, caches, c.vocab_size))
        log_p = logits - np.log(np.exp(logits.astype(np.float64)).sum(1, keepdims=True))
        out[:, at] = -log_p[ids == tokens[:, at : at + 1]] / np.log(2)
        previous = tokens[:, at : at + 1]
    return out


def test_windows_and_streams_are_the_step_function(small_model):
    """Inside the window and beyond it, where the ring has gone round twice."""
    tokens = np.random.default_rng(6).integers(3, 300, (2, 48), dtype=np.int32)
    for length in (16, 48):
        np.testing.assert_allclose(
            text.token_bits(small_model, tokens[:, :length]), by_steps(small_model, tokens[:, :length]), atol=5e-3
        )


def test_the_row_is_of_fresh_windows_and_of_one_stream(small_model, tokenizer, texts):
    bits = text.measure(small_model, tokenizer, texts[:1])
    ids = np.array(tokenizer.encode(texts[0]), np.int32)
    windows = ids[: len(ids) // 16 * 16].reshape(-1, 16)
    each = text.token_bits(small_model, windows)
    rest = text.token_bits(small_model, ids[windows.size :][None]) if len(ids) > windows.size else np.zeros(1)
    assert bits.anew[0] == pytest.approx(each.sum() + rest.sum(), rel=1e-5)
    assert bits.inside[0] == pytest.approx(each[:8].sum(), rel=1e-5)
    assert bits.inside_last[0] == pytest.approx(each[7].sum(), rel=1e-5)
    stream = text.token_bits(small_model, ids[None, :128])
    assert bits.stream[0] == pytest.approx(stream.sum(), rel=1e-5)
    assert bits.stream_last[0] == pytest.approx(stream[0, -16:].sum(), rel=1e-5)


def test_a_head_with_classes_is_measured_by_its_probabilities(small_config):
    config = from_dict(small_config.as_dict() | {"decoder_shortlist": 40, "decoder_class_words": 50}, "classes")
    model = BitMar(config)
    tokens = np.random.default_rng(7).integers(3, 300, (2, 16), dtype=np.int32)
    previous = np.concatenate([np.full((2, 1), config.bos_id, np.int32), tokens[:, :-1]], 1)
    nothing = np.zeros((2, config.episode_dim), np.float32), np.zeros((2, config.vision_latent_size), np.float32)
    log_p = model.decode(previous, *nothing).numpy().astype(np.float64)
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, atol=1e-4)
    want = -np.take_along_axis(log_p, tokens[..., None], -1)[..., 0] / np.log(2)
    np.testing.assert_allclose(text.token_bits(model, tokens), want, atol=5e-3)


def test_in_float_nothing_is_rounded(small_model, small_config):
    """What a small change of any matrix does to the loss is what its gradient says; rounded numbers would not move."""
    c = small_config
    tokens = np.random.default_rng(8).integers(3, 300, (2, 16), dtype=np.int32)
    words = np.arange(0, 300, 3, dtype=np.int32)
    nothing = np.ones((2, c.episode_dim), np.float32), np.ones((2, c.vision_latent_size), np.float32)
    table, kernel = small_model.decoder.embedding.embeddings, small_model.decoder.blocks[0].feed_forward.up.kernel

    def total() -> tf.Tensor:
        return tf.reduce_sum(small_model.decode(tokens, *nothing, words=words)[..., :20] ** 2)

    def moved(variable) -> tuple[float, float]:
        """(change of the loss by a thousandth of a step along the gradient, what the gradient says)."""
        with tf.GradientTape() as tape:
            before = total()
        gradient = tf.convert_to_tensor(tape.gradient(before, variable))
        step = 1e-3 * gradient / tf.norm(gradient)
        variable.assign_add(step)
        after = total()
        variable.assign_sub(step)
        return float(after - before), float(tf.reduce_sum(gradient * step))

    with replaced_by(FloatFunctions()):
        for variable in (table, kernel):
            change, said = moved(variable)
            assert change == pytest.approx(said, rel=0.05)
        whole = small_model.decode(tokens, *nothing)
        np.testing.assert_allclose(
            small_model.decode(tokens, *nothing, words=words), whole.numpy()[..., words], atol=1e-4
        )
    assert small_model.decode(tokens, *nothing).numpy() != pytest.approx(whole.numpy(), abs=1e-3)


def test_a_text_of_fewer_windows_has_no_stream(small_model, tokenizer):
    row = text.text_row(text.measure(small_model, tokenizer, ["the cup of a river"]), 16)
    assert row["stream"] is None and row["bits_per_byte"] > 0
    assert json.loads(json.dumps(row)) == row
