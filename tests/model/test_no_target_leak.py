"""Property: no token reaches its own prediction, or an earlier one, except through the memory."""

import numpy as np
import pytest
import tensorflow as tf

from model.sequence_packing import Packing, pack


def inputs(config, seed=0, rows=6):
    rng = np.random.default_rng(seed)
    t = config.max_seq_len
    context = rng.normal(size=(rows, config.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(rows, config.vision_latent_size)).astype(np.float32)
    return rng, rng.integers(3, config.vocab_size, (rows, t)).astype(np.int32), context, latent


def test_the_decoder_is_causal(small_model):
    """Logits at position p see the tokens before p's target only: changing input p + 1 (= target p) moves nothing up to p."""
    c = small_model.config
    rng, tokens, context, latent = inputs(c)
    before = small_model.decode(tokens, context, latent).numpy()
    for position in range(1, c.max_seq_len):
        changed = tokens.copy()
        changed[:, position:] = rng.integers(3, c.vocab_size, (len(tokens), c.max_seq_len - position))
        after = small_model.decode(changed, context, latent).numpy()
        np.testing.assert_array_equal(after[:, :position], before[:, :position])
        assert np.abs(after[:, position] - before[:, position]).max() > 0  # the test can see a change


def test_asking_sees_nothing_of_the_target_but_through_the_memory(small_model):
    """The whole model, another slot's text asked for: with the target's own episode taken out of the memory, changing the
    target text moves no logit at all; with it in, it does."""
    c = small_model.config
    rng = np.random.default_rng(1)
    sets, k, t = 2, 8, c.max_seq_len
    tokens = rng.integers(3, c.vocab_size, (sets * k, t)).astype(np.int32)
    mask = (np.arange(t) < rng.integers(2, t, sets * k)[:, None]).astype(np.float32)
    taught = rng.normal(size=(sets * k, 768)).astype(np.float32)
    asked = rng.normal(size=(sets * k, 768)).astype(np.float32)
    previous = rng.integers(3, c.vocab_size, (sets * k, t)).astype(np.int32)
    changed = np.where(mask > 0, rng.integers(3, c.vocab_size, tokens.shape), tokens).astype(np.int32)

    def logits(texts, forgotten):
        one = small_model.encode(texts, mask, taught)
        query = small_model.keys.of_picture(asked)
        kept = np.ones((1, sets * k, 1), np.float32)
        kept[0, forgotten] = 0
        context, _ = small_model.recall(query[None], one["key"][None], one["episode"][None] * kept)
        return small_model.decode(previous, context[0], small_model.vision(asked)).numpy()

    everything = list(range(sets * k))
    np.testing.assert_array_equal(logits(tokens, everything), logits(changed, everything))
    assert np.abs(logits(tokens, []) - logits(changed, [])).max() > 0


def test_the_call_that_trains_is_causal_in_the_targets(small_model):
    """`BitMar.call`: later decoder inputs move no earlier logit."""
    c = small_model.config
    rng = np.random.default_rng(2)
    n, t = 8, c.max_seq_len
    batch = {
        "tokens": rng.integers(3, c.vocab_size, (n, t)).astype(np.int32),
        "mask": np.ones((n, t), np.float32),
        "taught": rng.normal(size=(n, 768)).astype(np.float32),
        "asked": rng.normal(size=(n, 768)).astype(np.float32),
        "previous": rng.integers(3, c.vocab_size, (n, t)).astype(np.int32),
        "set_index": np.zeros(1, np.int32),
    }
    before = small_model(batch).numpy()
    changed = batch | {"previous": batch["previous"].copy()}
    changed["previous"][:, 5:] = 7
    after = small_model(changed).numpy()
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert np.abs(after[:, 5:] - before[:, 5:]).max() > 0


@pytest.mark.parametrize("seed", range(3))
def test_texts_in_one_packed_row_do_not_see_each_other(small_model, seed):
    """Training packs texts side by side: changing one text, from any position on, moves no logit of the others, nor its own
    earlier ones."""
    c = small_model.config
    rng = np.random.default_rng(seed)
    lengths = np.array([3, 5, 2, 4])
    packing, placed = pack(lengths, c.max_seq_len, 1, c.max_seq_len, 8)
    assert placed.all()
    packing = Packing(*map(tf.constant, packing))
    cells = rng.integers(3, c.vocab_size, (1, c.max_seq_len)).astype(np.int32)
    context = rng.normal(size=(4, c.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(4, c.vision_latent_size)).astype(np.float32)
    before = small_model.decoder(cells, context, latent, packing).numpy()
    for text in range(4):
        own = np.flatnonzero(packing.segment.numpy()[0] == text)
        for first in own:
            changed = cells.copy()
            later = own[own >= first]
            changed[0, later] = (changed[0, later] + 1 - 3) % (c.vocab_size - 3) + 3
            after = small_model.decoder(changed, context, latent, packing).numpy()
            others = np.setdiff1d(np.flatnonzero(packing.segment.numpy()[0] >= 0), later)
            np.testing.assert_array_equal(after[0, others], before[0, others])
            assert np.abs(after[0, first] - before[0, first]).max() > 0
