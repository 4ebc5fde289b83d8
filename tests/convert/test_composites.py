"""Property: the TensorFlow body of every BITMAR_* op computes what the NumPy specification computes, to 1e-5 on equal inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import composites
from convert.layouts import LAYOUTS
from tests.kernels import spec

SHAPES = [(1, 1, 1), (4, 7, 5), (3, 16, 33), (2, 130, 64), (1, 512, 768)]  # tokens, rows, cols
TOLERANCE = 1e-5


def close(actual, expected) -> None:
    """Within 1e-5 of the expected numbers, relative to the largest of them where that exceeds 1."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * max(1.0, np.abs(expected).max(initial=0)))


def matrix(random, rows, cols, layout, per_row=False):
    codes = random.integers(-1, 2, (rows, cols)).astype(np.int8)
    gamma = random.uniform(0.01, 0.1, rows if per_row else 1).astype(np.float32)
    return codes, spec.pack(codes, LAYOUTS[layout]), gamma


def tokens(random, kind, shape):
    """Float32 inputs, extremes included."""
    x = random.normal(size=shape).astype(np.float32)
    return {"normal": x, "zero": x * 0, "huge": x * np.float32(1e30), "tiny": x * np.float32(1e-30)}[kind]


@pytest.mark.parametrize("kind", ["normal", "zero", "huge", "tiny"])
@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("layout", ["rm2", "b3"])
@pytest.mark.parametrize(("n", "rows", "cols"), SHAPES)
def test_ternary_fc(layout, n, rows, cols, activation, kind):
    if activation and kind == "huge":
        kind = "normal"  # a square beyond float32's range is infinite on both sides
    random = np.random.default_rng(rows)
    codes, packed, gamma = matrix(random, rows, cols, layout)
    x = tokens(random, kind, (n, cols))
    op = composites.ternary_fc(LAYOUTS[layout], rows, cols, activation)
    close(op(x, packed, gamma), spec.ternary_fc(x, codes, gamma, activation))


def test_ternary_fc_with_a_scale_for_every_row_and_more_axes():
    random = np.random.default_rng(1)
    codes, packed, gamma = matrix(random, 13, 20, "b3", per_row=True)
    x = tokens(random, "normal", (2, 3, 20))
    close(composites.ternary_fc(LAYOUTS["b3"], 13, 20, 0)(x, packed, gamma), spec.ternary_fc(x, codes, gamma))


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("layout", ["rm2", "b3"])
def test_ternary_embedding(layout, per_row):
    random = np.random.default_rng(2)
    codes, packed, gamma = matrix(random, 57, 30, layout, per_row)
    ids = np.array([0, 56, 3, 3, 17], np.int32)
    op = composites.ternary_embedding(LAYOUTS[layout], 57, 30)
    np.testing.assert_array_equal(op(ids, packed, gamma), spec.ternary_embedding(ids, codes, gamma))


@pytest.mark.parametrize("layout", ["rm2", "b3"])
def test_ternary_topk_with_ties(layout):
    random = np.random.default_rng(3)
    codes, packed, gamma = matrix(random, 203, 6, layout)  # six columns: many rows are equal
    x = tokens(random, "normal", (1, 6))
    ids, logits = composites.ternary_topk(LAYOUTS[layout], 203, 6, 32)(x, packed, gamma)
    expected_ids, expected = spec.ternary_topk(x, codes, gamma, 32)
    np.testing.assert_array_equal(ids, expected_ids)
    close(logits, expected)


@pytest.mark.parametrize("layout", ["rm2", "b3"])
@pytest.mark.parametrize("chosen", [None, 0, 5])
def test_ternary_class_topk_with_ties(layout, chosen):
    random, shortlist, words = np.random.default_rng(3), 37, 33  # six classes, the last of one word
    codes, packed, gamma = matrix(random, 203, 6, layout)
    x, of_classes = tokens(random, "normal", (1, 6)), np.full((1, 6), -1e6, np.float32)
    if chosen is not None:
        of_classes[0, chosen] = 1e6
    ids, logits = composites.ternary_class_topk(LAYOUTS[layout], 203, 6, 20, shortlist, words)(
        x, packed, gamma, of_classes
    )
    expected_ids, expected = spec.ternary_class_topk(x, codes, gamma, of_classes, 20, shortlist, words)
    np.testing.assert_array_equal(ids, expected_ids)
    close(logits, expected)


@pytest.mark.parametrize("kind", ["normal", "zero", "tiny"])
def test_rms_norm(kind):
    random = np.random.default_rng(4)
    x, gain = tokens(random, kind, (5, 77)), random.normal(size=77).astype(np.float32)
    close(composites.rms_norm()(x, gain), spec.rms_norm(x, gain))


@pytest.mark.parametrize("allowed", ["all", "some", "none"])
@pytest.mark.parametrize("fused", [True, False])
def test_attention(fused, allowed):
    random = np.random.default_rng(5)
    heads, width, queries, keys = 4, 32, 9, 9 if fused else 4
    q = 3 * random.normal(size=(queries, 3 * width if fused else width)).astype(np.float32)
    kv = q if fused else 3 * random.normal(size=(keys, 2 * width)).astype(np.float32)
    offsets = (0, width, 2 * width) if fused else (0, 0, width)
    mask = {"all": np.ones(keys), "some": np.arange(keys) % 2, "none": np.zeros(keys)}[allowed].astype(np.int32)
    actual = composites.attention(heads, width, *offsets)(q, kv, mask)
    close(actual, spec.attention(q, kv, mask, heads, width, *offsets))


def test_cached_attention_beyond_its_window():
    random = np.random.default_rng(6)
    heads, width, window, sinks = 2, 16, 8, 3
    op = composites.cached_attention(heads, width, window, sinks)
    k_cache, v_cache = np.zeros((2, window, width), np.float32)
    for position in range(3 * window):
        qkv = 2 * random.normal(size=(1, 3 * width)).astype(np.float32)
        at = np.array([position], np.int32)
        assert int(composites.cache_slot(at, window, sinks)[0]) == spec.cache_slot(position, window, sinks)
        expected, new_k, new_v = spec.cached_attention(qkv, position, k_cache, v_cache, heads, sinks)
        close(op(qkv, at, k_cache, v_cache), expected[None])
        k_cache, v_cache = new_k, new_v


def test_cached_attention_int8_beyond_its_window():
    random = np.random.default_rng(6)
    heads, width, window, sinks = 2, 16, 8, 3
    op = composites.cached_attention_int8(heads, width, window, sinks)
    k_cache, v_cache = np.zeros((2, window, width + 4 * heads), np.uint8)
    for position in range(3 * window):
        qkv = 2 * random.normal(size=(1, 3 * width)).astype(np.float32)
        expected, new_k, new_v = spec.cached_attention_int8(qkv, position, k_cache, v_cache, heads, sinks)
        actual = op(qkv, np.array([position], np.int32), k_cache, v_cache)
        assert np.abs(actual - expected[None]).max() < 3e-4  # an int16 weight may round to the other side
        k_cache, v_cache = new_k, new_v


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=4, max_size=4), st.integers(0, 2**32 - 1))
def test_memory_read(mask, seed):
    random = np.random.default_rng(seed)
    scores, values = random.uniform(-1, 1, 4).astype(np.float32), random.normal(size=(4, 16)).astype(np.float32)
    mask, temperature = np.array(mask, np.int32), np.array([0.02], np.float32)
    actual = composites.memory_read()(scores, values, mask, temperature)
    close(actual, spec.memory_read(scores, values, mask, temperature[0])[None])
