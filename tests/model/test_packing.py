"""Property: a text computes the same numbers packed beside others as alone in a row."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.sequence_packing import Packing, fill, pack

from .conftest import random_texts


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_every_token_has_one_cell(lengths, rows, members):
    lengths = np.array(lengths)
    packing, placed = pack(lengths, 12, rows, 12, members)
    used = packing.cells[packing.present.astype(bool)]
    assert len(set(used.tolist())) == len(used) == (lengths * placed).sum()
    assert (packing.segment >= 0).sum() == len(used)
    assert packing.segment.max(initial=-1) < members
    for text in np.flatnonzero(placed):
        cells = packing.cells[text, : lengths[text]]
        assert (np.diff(cells) == 1).all() and cells[0] // 12 == cells[-1] // 12
        assert (packing.text.reshape(-1)[cells] == text).all()
        assert packing.position.reshape(-1)[cells].tolist() == list(range(lengths[text]))
        row, segment = cells[0] // 12, packing.segment.reshape(-1)[cells[0]]
        assert packing.members[row, segment] == text
    values = np.arange(len(lengths) * 12, dtype=np.int32).reshape(-1, 12) + 1
    np.testing.assert_array_equal(fill(packing, values, 0).reshape(-1)[used], values[packing.present.astype(bool)])


@pytest.mark.parametrize("seed", range(2))
def test_packed_equals_alone(small_model, seed):
    """Encoder and decoder. Sums of a softmax are added in another order, so an int8 rounding may flip: the tolerance is that of a
    few flips, and the best token is the same."""
    c = small_model.config
    rng = np.random.default_rng(seed)
    texts = random_texts(rng, 20, 1, 9, c.max_seq_len)
    t = c.max_seq_len
    mask = (np.arange(t) < texts.lengths[:, None]).astype(np.float32)
    ids = np.where(mask > 0, texts.ids, 0).astype(np.int32)
    packing, placed = pack(texts.lengths, t, 12, t, 4)
    assert placed.all()
    there = packing.present.astype(bool)
    pictures = rng.normal(size=(20, 768)).astype(np.float32)
    pictures[::3] = 0
    tokens = small_model.vision.tokens(small_model.vision(pictures))
    packed = Packing(*map(tf.constant, packing))

    alone = small_model.text(ids, mask, tokens).numpy()
    beside = small_model.text(fill(packing, ids, 0), None, tokens, packed)
    np.testing.assert_allclose(packed.gather(beside).numpy()[there], alone[there], atol=0.05)
    episode = small_model.episode(alone, mask).numpy()
    same = small_model.episode(beside, None, packed).numpy()
    np.testing.assert_allclose(same, episode, atol=0.05)

    context = rng.normal(size=(20, c.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(20, c.vision_latent_size)).astype(np.float32)
    want = small_model.decode(ids, context, latent).numpy()[there]
    got = small_model.decoder(fill(packing, ids, 0), context, latent, packed)
    got = packed.gather(got).numpy()[there]
    np.testing.assert_allclose(got, want, atol=0.05)
    assert (got.argmax(1) == want.argmax(1)).mean() > 0.97
