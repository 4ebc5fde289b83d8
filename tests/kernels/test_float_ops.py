"""Property: the float ops give the specification's bits, for every shape, and the specification is close to the mathematics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels import spec
from tests.kernels.library import KernelError, ptr
from tests.kernels.test_ternary_ops import same_bits

F = np.float32
SEED = st.integers(0, 2**32 - 1)
RANDOM = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def numbers(rng, *shape):
    x = rng.standard_normal(shape).astype(F)
    kind = rng.integers(5)
    if kind == 0:
        x *= F(10) ** rng.integers(-42, 18)
    if kind == 1:
        x[...] = 0
    if kind == 2:
        x = x * (rng.random(shape) < 0.3)
    return x.astype(F)


# ---- RMS norm ----


@RANDOM
@given(rows=st.integers(1, 5), n=st.integers(1, 300), seed=SEED)
def test_rms_norm(kernels, rows, n, seed):
    rng = np.random.default_rng(seed)
    x, g = numbers(rng, rows, n), rng.uniform(0.5, 2, n).astype(F)
    same_bits(kernels.rms_norm(x, g), spec.rms_norm(x, g))


def test_rms_norm_in_place(kernels):
    rng = np.random.default_rng(1)
    x, g = rng.standard_normal((3, 128)).astype(F), np.ones(128, F)
    want = spec.rms_norm(x, g)
    kernels.check(kernels.lib.bm_rms_norm(ptr(x), ptr(g), 3, 128, ptr(x)))
    same_bits(x, want)


def test_rms_norm_is_rms_norm():
    x = np.random.default_rng(2).standard_normal((7, 128))
    want = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(spec.rms_norm(x.astype(F), np.ones(128, F)), want, rtol=1e-6)


# ---- exp ----


def test_exp32_bits_and_accuracy(kernels):
    rng = np.random.default_rng(0)
    edges = [
        -0.0,
        0.0,
        -87,
        np.nextafter(F(-87), F(0)),
        np.nextafter(F(-87), F(-88)),
        -88,
        -1e30,
        -np.inf,
        np.nan,
        -1e-45,
    ]
    x = np.concatenate(
        [F(edges), -rng.uniform(0, 87.5, 20000).astype(F), -(10.0 ** rng.uniform(-40, 1, 2000)).astype(F)]
    )
    got = F([kernels.lib.bm_exp32(v) for v in x])
    same_bits(got, spec.exp32(x))
    normal = x >= -87
    exact = np.exp(x[normal].astype(np.float64))
    assert np.max(np.abs(got[normal] - exact) / exact) < 1e-7
    assert (got[~normal] == 0).all()
    assert got[0] == got[1] == 1


def test_exp32_accuracy_on_a_dense_sample():
    """A dense sample of [-87, 0]."""
    dense = -np.arange(2**20, dtype=np.uint32).astype(F) * F(2**-21) - F(0.5)
    for x in (dense, dense * F(87), dense * F(11)):
        exact = np.exp(x.astype(np.float64))
        assert np.max(np.abs(spec.exp32(x) - exact) / exact, where=x >= -87, initial=0) < 1e-7


# ---- attention ----


def attention_case(rng, T, S, heads, dh, fused, sparse):
    width = heads * dh
    mask = (rng.random(S) < (0.5 if sparse else 0.95)).astype(np.int32) * int(rng.integers(1, 3))
    if fused:
        q = kv = numbers(rng, S, 3 * width)
        offsets = (0, width, 2 * width)
    else:
        q, kv = numbers(rng, T, width + 3), numbers(rng, S, 2 * width + 5)
        offsets = (int(rng.integers(4)), int(rng.integers(6)), width + int(rng.integers(6)))
    return q, kv, mask, heads, width, *offsets


@RANDOM
@given(T=st.integers(1, 6), S=st.integers(1, 40), heads=st.integers(1, 4), dh=st.integers(1, 40), fused=st.booleans(),
       sparse=st.booleans(), seed=SEED)  # fmt: skip
def test_attention(kernels, T, S, heads, dh, fused, sparse, seed):
    case = attention_case(np.random.default_rng(seed), T, S, heads, dh, fused, sparse)
    same_bits(kernels.attention(*case), spec.attention(*case))


def test_attention_of_the_original_configuration(kernels):
    case = attention_case(np.random.default_rng(9), 128, 128, 4, 64, True, False)
    same_bits(kernels.attention(*case), spec.attention(*case))


def test_attention_without_allowed_keys_is_zero(kernels):
    q, kv = np.ones((2, 8), F), np.ones((3, 16), F)
    assert not kernels.attention(q, kv, [0, 0, 0], 2, 8, 0, 0, 8).any()


def test_masked_keys_take_no_part(kernels):
    """Not even as NaN: padding may be uninitialised."""
    rng = np.random.default_rng(4)
    q, kv = rng.standard_normal((2, 16)).astype(F), rng.standard_normal((5, 32)).astype(F)
    mask = np.array([1, 0, 1, 1, 0])
    want = kernels.attention(q, kv[mask != 0], [1, 1, 1], 2, 16, 0, 0, 16)
    kv[mask == 0] = np.nan
    same_bits(kernels.attention(q, kv, mask, 2, 16, 0, 0, 16), want)


def test_attention_is_attention():
    rng = np.random.default_rng(5)
    q, k, v = rng.standard_normal((3, 9, 32))
    s = q @ k.T / np.sqrt(32)
    e = np.exp(s - s.max(-1, keepdims=True))
    want = e / e.sum(-1, keepdims=True) @ v
    got = spec.attention(q.astype(F), np.hstack([k, v]).astype(F), np.ones(9), 1, 32, 0, 0, 32)
    np.testing.assert_allclose(got, want, atol=1e-6)


# ---- cached attention ----


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(window=st.integers(2, 20), heads=st.integers(1, 4), dh=st.integers(1, 33), seed=SEED)
def test_cached_attention(kernels, window, heads, dh, seed):
    """A stream of three windows: outputs and caches, step by step, caches starting as garbage."""
    rng = np.random.default_rng(seed)
    sinks, width = int(rng.integers(0, window)), heads * dh
    k, v = (np.full((window, width), np.nan, F) for _ in range(2))
    want_k, want_v = k.copy(), v.copy()
    for p in range(3 * window):
        qkv = numbers(rng, 3 * width)
        y = kernels.cached_attention(qkv, p, k, v, heads, sinks)
        want, want_k, want_v = spec.cached_attention(qkv, p, want_k, want_v, heads, sinks)
        same_bits(y, want)
        same_bits(k, want_k)
        same_bits(v, want_v)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(window=st.integers(2, 20), heads=st.integers(1, 4), dh=st.integers(1, 70), seed=SEED)
def test_cached_attention_int8(kernels, window, heads, dh, seed):
    """A stream of three windows: outputs and caches, step by step, caches starting as garbage."""
    rng = np.random.default_rng(seed)
    sinks, width = int(rng.integers(0, window)), heads * dh
    k, v = (np.full((window, width + 4 * heads), 255, np.uint8) for _ in range(2))
    want_k, want_v = k.copy(), v.copy()
    for p in range(3 * window):
        qkv = numbers(rng, 3 * width)
        y = kernels.cached_attention_int8(qkv, p, k, v, heads, sinks)
        want, want_k, want_v = spec.cached_attention_int8(qkv, p, want_k, want_v, heads, sinks)
        same_bits(y, want)
        np.testing.assert_array_equal(k, want_k)
        np.testing.assert_array_equal(v, want_v)


def test_int8_caches_are_close_to_float_ones(kernels):
    rng, heads, width, window = np.random.default_rng(8), 4, 128, 64
    exact, rounded = np.zeros((2, window, width), F), np.zeros((2, window, width + 4 * heads), np.uint8)
    for p in range(2 * window):
        qkv = rng.standard_normal(3 * width).astype(F)
        y = kernels.cached_attention_int8(qkv, p, *rounded, heads, 4)
        assert np.abs(y - kernels.cached_attention(qkv, p, *exact, heads, 4)).max() < 0.05  # of numbers up to 4
    assert np.all(exact[0, :, :width].any(axis=1)) and rounded.any()


def test_cached_attention_is_causal_attention(kernels):
    """Inside the window, step p gives the bits of row p of BITMAR_ATTENTION over the first p + 1 tokens."""
    rng = np.random.default_rng(6)
    qkv = rng.standard_normal((12, 96)).astype(F)
    k, v = np.zeros((2, 12, 32), F)
    for p in range(12):
        y = kernels.cached_attention(qkv[p], p, k, v, 4, 2)
        same_bits(y, kernels.attention(qkv[p : p + 1], qkv, np.arange(12) <= p, 4, 32, 0, 32, 64)[0])


def test_cache_slot(kernels):
    for window, sinks in ((32, 4), (8, 0), (5, 4), (2, 1)):
        slots = [kernels.lib.bm_cache_slot(p, window, sinks) for p in range(5 * window)]
        assert slots == [spec.cache_slot(p, window, sinks) for p in range(5 * window)]
        assert slots[:window] == list(range(window))
        assert set(slots[window:]) == set(range(sinks, window))  # sinks stay
        assert 0 <= kernels.lib.bm_cache_slot(2**31 - 1, window, sinks) < window
    for bad in ((-1, 8, 2), (0, 8, 8), (0, 8, -1), (0, 0, 0)):
        assert kernels.lib.bm_cache_slot(*bad) == spec.cache_slot(*bad) == -1


# ---- memory ----


@RANDOM
@given(k=st.integers(1, 16), d=st.integers(1, 140), sparse=st.booleans(), seed=SEED)
def test_memory_read(kernels, k, d, sparse, seed):
    rng = np.random.default_rng(seed)
    scores, values = rng.uniform(-1, 1, k).astype(F), numbers(rng, k, d)
    mask, temperature = (rng.random(k) < (0.4 if sparse else 0.9)).astype(np.int32), F(rng.uniform(0.01, 2))
    same_bits(
        kernels.memory_read(scores, values, mask, temperature), spec.memory_read(scores, values, mask, temperature)
    )


@RANDOM
@given(n=st.integers(1, 300), count=st.integers(1, 20), pad=st.integers(0, 9), seed=SEED)
def test_index_scores(isa_kernels, n, count, pad, seed):
    rng = np.random.default_rng(seed)
    query, keys = rng.integers(-127, 128, n).astype(np.int8), rng.integers(-127, 128, (count, n)).astype(np.int8)
    if rng.random() < 0.3:
        query[:], keys[:] = -127, 127
    scale, scales = F(rng.uniform(0, 0.01)), rng.uniform(0, 0.01, count).astype(F)
    got = isa_kernels.scores(query, scale, keys, scales, n + pad)
    same_bits(got, spec.index_scores(query, scale, keys, scales))


@RANDOM
@given(n=st.integers(1, 300), count=st.integers(0, 40), seed=SEED)
def test_dots(isa_kernels, n, count, seed):
    rng = np.random.default_rng(seed)
    a, b, rows = (rng.integers(-128, 128, size).astype(np.int8) for size in (n, n, (count, n)))
    if rng.random() < 0.3:
        a[:], rows[:] = -128, -128
    same_bits(isa_kernels.dots(a, b, rows), np.stack([a, b]).astype(np.int32) @ rows.astype(np.int32).T)


# ---- half floats ----


def test_all_halves_to_float(kernels):
    h = np.arange(65536, dtype=np.uint16)
    want = h.view(np.float16).astype(F)
    got = kernels.halves_to_floats(h)
    number = ~np.isnan(want)
    same_bits(got[number], want[number])
    assert np.isnan(got[~number]).all()


def test_floats_to_halves(kernels):
    h = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(F)
    middle = ((h[:-1].astype(np.float64) + h[1:]) / 2).astype(F)  # ties, exact in float32
    around = np.concatenate([h, middle, np.nextafter(middle, F(0)), np.nextafter(middle, F(np.inf))])
    rng = np.random.default_rng(7)
    other = rng.integers(0, 2**32, 200000, dtype=np.uint32).view(F)
    x = np.concatenate([around, -around, other, F([65504, 65519.99, 65520, 1e30, np.inf, -np.inf, 2**-25, 1e-45])])
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    got = kernels.halves_from_floats(x).view(np.float16)
    number = ~np.isnan(x)
    np.testing.assert_array_equal(got[number].view(np.uint16), want[number].view(np.uint16))
    assert np.isnan(got[~number]).all()
    assert (np.signbit(got[number]) == np.signbit(x[number])).all()


def test_half_round_trip(kernels):
    h = np.arange(65536, dtype=np.uint16)
    back = kernels.halves_from_floats(kernels.halves_to_floats(h))
    number = ~np.isnan(h.view(np.float16))
    np.testing.assert_array_equal(back[number], h[number])


# ---- errors ----


def test_errors(kernels):
    def status(call):
        with pytest.raises(KernelError) as error:
            call()
        return error.value.status

    q, kv, cache = np.ones((2, 8), F), np.ones((3, 16), F), np.ones((4, 8), F)
    assert status(lambda: kernels.attention(q, kv, [1, 1, 1], 3, 8, 0, 0, 8)) == 2  # 8 is not a multiple of 3
    assert status(lambda: kernels.attention(q, kv, [1, 1, 1], 2, 8, 1, 0, 8)) == 2  # q runs out of its row
    assert status(lambda: kernels.attention(q, kv, [1, 1, 1], 2, 8, 0, 9, 8)) == 2
    assert status(lambda: kernels.attention(q, kv, [1, 1, 1], 2, 8, 0, 0, -1)) == 2
    before = cache.copy()
    assert status(lambda: kernels.cached_attention(np.zeros(24, F), -1, cache, cache, 2, 1)) == 4
    assert status(lambda: kernels.cached_attention(np.zeros(24, F), 0, cache, cache, 2, 4)) == 2
    assert status(lambda: kernels.cached_attention(np.zeros(24, F), 0, cache, cache, 3, 1)) == 2
    np.testing.assert_array_equal(cache, before)
    rows = np.ones((4, 16), np.uint8)
    assert status(lambda: kernels.cached_attention_int8(np.zeros(24, F), -1, rows, rows, 2, 1)) == 4
    assert status(lambda: kernels.cached_attention_int8(np.zeros(24, F), 0, rows, rows, 2, 4)) == 2
    assert status(lambda: kernels.cached_attention_int8(np.zeros(24, F), 0, rows, rows, 3, 1)) == 2
    assert np.all(rows == 1)
    assert status(lambda: kernels.scores(np.ones(8, np.int8), 1, np.ones((0, 8), np.int8)[:, :0], np.ones(0))) == 2
    assert kernels.lib.bm_rms_norm(None, ptr(q), 1, 8, ptr(q)) == 1
    assert kernels.lib.bm_rms_norm(ptr(q), ptr(q), 0, 8, ptr(q)) == 2
    assert kernels.lib.bm_memory_read(None, None, None, 1, 1, 1, None) == 1
    texts = [kernels.lib.bm_status_text(i) for i in range(8)]
    assert len(set(texts)) == 8 and all(texts)


# ---- object-centred pooling ----


@settings(RANDOM, max_examples=40)
@given(side=st.integers(2, 8), channels=st.integers(1, 40), zero_point=st.integers(-128, 127), seed=SEED)
def test_object_pool(kernels, side, channels, zero_point, seed):
    rng = np.random.default_rng(seed)
    map_ = rng.integers(-128, 128, (side, side, channels)).astype(np.int8)
    if rng.integers(3) == 0:
        map_[1:] = map_[0, 0]  # nearly or quite flat
    scale, shift = rng.uniform(0.1, 3, 4 * channels).astype(F), rng.standard_normal(4 * channels).astype(F)
    same_bits(kernels.object_pool(map_, zero_point, scale, shift), spec.object_pool(map_, zero_point, scale, shift))


def test_object_pool_follows_the_object(kernels):
    """An object on a plain wall, moved by a cell: the same numbers; twice the contrast: twice the numbers."""
    rng = np.random.default_rng(3)
    thing, ones, zeros = rng.integers(-30, 30, (2, 2, 24)), np.ones(96), np.zeros(96)
    maps = []
    for y, x, contrast in ((1, 1, 1), (2, 3, 1), (1, 1, 2)):
        map_ = np.zeros((6, 6, 24), np.int8)
        map_[y : y + 2, x : x + 2] = thing * contrast
        maps.append(kernels.object_pool(map_, 0, ones, zeros))
    assert np.abs(maps[0] - maps[1]).max() < 0.02 * np.abs(maps[0]).max()
    assert np.abs(2 * maps[0] - maps[2]).max() < 1e-4 * np.abs(maps[2]).max()


def test_object_pool_refuses_shapes(kernels):
    for shape in ((1, 1, 4), (9, 9, 4)):
        with pytest.raises(KernelError):
            kernels.object_pool(np.zeros(shape, np.int8), 0, np.ones(16), np.ones(16))
    with pytest.raises(KernelError):
        kernels.object_pool(np.zeros((4, 4, 4), np.int8), 200, np.ones(16), np.ones(16))
