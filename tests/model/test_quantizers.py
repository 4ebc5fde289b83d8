"""Property: a ternary layer computes with the device's integers, and gradients pass straight through the rounding."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import TernaryDense, TernaryEmbedding
from model.quantizers import half_rounded, int8_codes, ternary_codes


def by_hand(x: np.ndarray, w: np.ndarray, gamma: np.ndarray | None = None) -> np.ndarray:
    """The layer in int64, with the two scales applied at the end in float32; `gamma` where w is stored transposed: the sum of
    mean|W| runs in storage order, and its last bit depends on it."""
    gamma = np.asarray(ternary_codes(tf.constant(w))[1] if gamma is None else gamma)
    weight_codes = np.clip(np.rint(w / gamma), -1, 1).astype(np.int64)
    largest = np.maximum(np.abs(x).max(-1, keepdims=True), np.float32(1e-5))
    codes = np.clip(np.rint(x * (np.float32(127) / largest)), -127, 127).astype(np.int64)
    return (codes @ weight_codes).astype(np.float32) * (largest / np.float32(127) * gamma)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 5), (64, 768, 256), (2, 512, 128), (5, 2048, 64)])
@pytest.mark.parametrize("compiled", [False, True])
def test_dense_is_bit_equal_to_integers(shape, compiled):
    rows, n, units = shape
    rng = np.random.default_rng(n)
    x = rng.normal(size=(rows, n)).astype(np.float32) * rng.choice([1e-3, 1.0, 1e3], (rows, 1)).astype(np.float32)
    x[0] = 0
    layer = TernaryDense(units)
    layer.build((None, n))
    run = tf.function(layer.call, jit_compile=True) if compiled else layer.call
    got = run(tf.constant(x)).numpy()
    want = by_hand(x, layer.kernel.numpy())
    # XLA adds up mean|W| in another order: a few last bits of gamma, never another integer
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=0) if compiled else np.testing.assert_array_equal(got, want)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_int8_codes_are_integers_in_range(values):
    x = np.array(values, np.float32)
    codes, scale = (np.asarray(part) for part in int8_codes(tf.constant(x)))
    assert np.array_equal(codes, np.rint(codes)) and np.abs(codes).max() <= 127
    assert np.abs(codes * scale - x).max() <= 0.51 * scale[0]


def test_ternary_codes_are_absmean():
    w = tf.constant([[0.0, 0.4, -0.6], [3.0, -2.0, 0.1]])
    codes, gamma = ternary_codes(w)
    assert float(gamma) == pytest.approx(6.1 / 6)
    np.testing.assert_array_equal(codes, [[0, 0, -1], [1, -1, 0]])


def test_gradient_of_the_codes_is_that_of_the_unrounded_values():
    w = tf.Variable(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    upstream = tf.constant(np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32))
    with tf.GradientTape() as tape:
        codes, gamma = ternary_codes(w)
        loss = tf.reduce_sum(codes * upstream)
    np.testing.assert_allclose(tape.gradient(loss, w), upstream / gamma, rtol=1e-6)


def test_gradient_through_a_dense_layer_is_that_of_its_quantised_weights():
    rng = np.random.default_rng(2)
    layer = TernaryDense(6)
    layer.build((None, 10))
    x = tf.Variable(rng.normal(size=(3, 10)).astype(np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    by_x, by_w = tape.gradient(loss, [x, layer.kernel])
    codes, gamma = ternary_codes(layer.kernel)
    y = layer(x)
    wanted = 2 * y @ tf.transpose(codes * gamma)  # in bfloat16: 8 bits of each factor and of the sum
    np.testing.assert_allclose(by_x, wanted, atol=2**-7 * np.abs(wanted).max())
    int8, scale = int8_codes(x)
    wanted = tf.transpose(int8 * scale) @ (2 * y)
    np.testing.assert_allclose(by_w, wanted, atol=2**-7 * np.abs(wanted).max())


def test_embedding_rows_are_codes_times_gamma_and_the_head_is_tied():
    layer = TernaryEmbedding(11, 8)
    layer.build()
    codes, gamma = ternary_codes(layer.embeddings)
    np.testing.assert_array_equal(layer(tf.constant([3, 0, 10])), codes.numpy()[[3, 0, 10]] * gamma.numpy())
    x = np.random.default_rng(4).normal(size=(2, 8)).astype(np.float32)
    np.testing.assert_array_equal(layer.logits(tf.constant(x)), by_hand(x, layer.embeddings.numpy().T, gamma))


def test_half_rounding_is_ieee_half():
    x = np.random.default_rng(6).normal(size=100).astype(np.float32)
    np.testing.assert_array_equal(half_rounded(tf.constant(x)), x.astype(np.float16).astype(np.float32))
