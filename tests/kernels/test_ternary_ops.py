"""Property: the ops on packed matrices give the specification's bits, for every shape, layout and instruction set."""

from ctypes import byref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels import build, spec
from tests.kernels.library import KernelError, ptr, token_bytes

F = np.float32
LAYOUTS = pytest.mark.parametrize("layout", spec.LAYOUTS.values(), ids=spec.LAYOUTS)


def same_bits(a, b):
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape
    np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def matrix(rng, rows, cols, per_row):
    kind = rng.integers(5)
    w = rng.integers(-1, 2, (rows, cols)).astype(np.int8)
    if kind == 0:
        w[:] = rng.integers(-1, 2)  # one value everywhere
    if kind == 1:
        w[rng.random(rows) < 0.5] = 0  # whole rows of zeros
    gamma = rng.uniform(1e-3, 2, rows if per_row else 1).astype(F)
    return w, gamma


def tokens(rng, n, cols):
    x = rng.standard_normal((n, cols)).astype(F)
    kind = rng.integers(6)
    if kind == 0:
        x[rng.integers(n)] = 0
    if kind == 1:
        x = np.where(rng.random(x.shape) < 0.5, F(3), F(-3))  # the largest sums
    if kind == 2:
        x *= F(10) ** rng.integers(-44, 37)  # denormals to almost infinity
    if kind == 3:
        x = np.round(x * 2) / 2  # ties
    if kind == 4:
        x[:, rng.integers(cols)] = 1000  # everything else rounds to 0
    return x.astype(F)


SHAPES = {
    "rows": st.integers(1, 130),
    "cols": st.integers(1, 300),
    "n": st.integers(1, 5),
    "seed": st.integers(0, 2**32 - 1),
}


@LAYOUTS
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(per_row=st.booleans(), activation=st.integers(0, 1), **SHAPES)
def test_fc_random(isa_kernels, layout, rows, cols, n, seed, per_row, activation):
    rng = np.random.default_rng(seed)
    w, gamma = matrix(rng, rows, cols, per_row)
    x = tokens(rng, n, cols)
    packed = isa_kernels.ternary(spec.pack(w, layout), gamma, rows, cols, layout)
    y = isa_kernels.ternary_fc(
        x, packed, activation, token_bytes(cols) * int(rng.integers(1, 4)), int(rng.integers(16))
    )
    same_bits(y, spec.ternary_fc(x, w, gamma, activation))


@LAYOUTS
@pytest.mark.parametrize(
    "rows,cols", [(1, 1), (4, 64), (5, 16), (128, 512), (512, 128), (3, 8192), (20, 65536), (4096, 128)]
)
@pytest.mark.parametrize("extreme", [-1, 0, 1, "aligned"])
def test_fc_extremes(isa_kernels, layout, rows, cols, extreme):
    rng = np.random.default_rng(rows * cols)
    x = np.where(rng.random((1, cols)) < 0.5, F(1), F(-1)).astype(F)  # every q is 127 or -127
    w = np.broadcast_to(np.sign(x) if extreme == "aligned" else extreme, (rows, cols)).astype(np.int8)
    packed = isa_kernels.ternary(spec.pack(w, layout), [0.5], rows, cols, layout)
    same_bits(isa_kernels.ternary_fc(x, packed), spec.ternary_fc(x, w, F([0.5])))


@LAYOUTS
def test_fc_token_parts(isa_kernels, layout):
    """A matrix streamed in parts gives the bits of the whole."""
    rng = np.random.default_rng(5)
    w, gamma = rng.integers(-1, 2, (173, 96)).astype(np.int8), rng.uniform(0.1, 1, 173).astype(F)
    x = rng.standard_normal(96).astype(F)
    whole = isa_kernels.ternary_fc(x[None], isa_kernels.ternary(spec.pack(w, layout), gamma, 173, 96, layout))[0]
    parts = []
    for first in range(0, 173, 40):
        part = w[first : first + 40]
        packed = isa_kernels.ternary(spec.pack(part, layout), gamma[first : first + 40], len(part), 96, layout)
        if packed.rows > 1:
            packed.gamma_per_row = 1
        parts.append(isa_kernels.fc_token(x, packed))
    same_bits(np.concatenate(parts), whole)


@LAYOUTS
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(per_row=st.booleans(), **SHAPES)
def test_embedding(isa_kernels, layout, rows, cols, n, seed, per_row):
    rng = np.random.default_rng(seed)
    w, gamma = matrix(rng, rows, cols, per_row)
    ids = rng.integers(0, rows, n)
    packed = isa_kernels.ternary(spec.pack(w, layout), gamma, rows, cols, layout)
    same_bits(isa_kernels.ternary_embedding(ids, packed), spec.ternary_embedding(ids, w, gamma))


@LAYOUTS
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(per_row=st.booleans(), k=st.integers(1, 20), **SHAPES)
def test_topk(isa_kernels, layout, rows, cols, n, seed, per_row, k):
    del n
    rng = np.random.default_rng(seed)
    w, gamma = matrix(rng, rows, cols, per_row)
    x, k = tokens(rng, 1, cols), min(k, rows)
    packed = isa_kernels.ternary(spec.pack(w, layout), gamma, rows, cols, layout)
    ids, logits = isa_kernels.ternary_topk(x, packed, k)
    want_ids, want_logits = spec.ternary_topk(x, w, gamma, k)
    np.testing.assert_array_equal(ids, want_ids)
    same_bits(logits, want_logits)


@LAYOUTS
def test_topk_ties_go_to_the_lower_id(isa_kernels, layout):
    w = np.ones((200, 16), np.int8)
    w[[3, 60, 150]] = 0
    ids, _ = isa_kernels.ternary_topk(
        np.ones(16, F), isa_kernels.ternary(spec.pack(w, layout), [1], 200, 16, layout), 5
    )
    assert ids.tolist() == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("gamma", [-0.5, 0.0, 1e-42])
def test_topk_with_odd_scales(isa_kernels, gamma):
    """Scales with which the order of the logits is not that of the sums."""
    rng = np.random.default_rng(11)
    w, x = rng.integers(-1, 2, (500, 33)).astype(np.int8), rng.standard_normal(33).astype(F)
    ids, logits = isa_kernels.ternary_topk(x, isa_kernels.ternary(spec.pack(w, spec.B3), [gamma], 500, 33, spec.B3), 20)
    want_ids, want_logits = spec.ternary_topk(x, w, F([gamma]), 20)
    np.testing.assert_array_equal(ids, want_ids)
    same_bits(logits, want_logits)


def class_logits_like(rng, x, w, gamma, count):
    """Some above, some below the words' logits, some equal to each other or to one of them."""
    logits = spec.ternary_fc(np.reshape(x, -1), w, gamma)
    kind = rng.integers(4)
    if kind == 0:
        return np.full(count, logits.min() - F(1), F)
    if kind == 1:
        return np.full(count, logits.max(), F)  # a tie with the best word, or the first class
    if kind == 2:
        return np.r_[np.zeros(count - 1, F), np.abs(logits).max() + F(1)].astype(F)  # the last class, often a short one
    return rng.choice(logits, count).astype(F) * F(1.5)


@LAYOUTS
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(per_row=st.booleans(), k=st.integers(1, 20), **SHAPES)
def test_class_topk(isa_kernels, layout, rows, cols, n, seed, per_row, k):
    """Any bounds of the classes inside the units of a layout, classes of one word, more words wanted than a class has."""
    del n
    rng, rows = np.random.default_rng(seed), 5 * rows + 1  # beyond a tile
    w, gamma = matrix(rng, rows, cols, per_row)
    x, shortlist, words = (
        tokens(rng, 1, cols),
        int(rng.integers(1, rows)),
        int(rng.integers(1, rng.choice([12, rows + 2]))),
    )
    k, count = min(k, shortlist), -(-(rows - shortlist) // words)
    of_classes = class_logits_like(rng, x, w, gamma, count)
    packed = isa_kernels.ternary(spec.pack(w, layout), gamma, rows, cols, layout)
    ids, logits = isa_kernels.ternary_class_topk(x, packed, of_classes, k, shortlist, words)
    want_ids, want_logits = spec.ternary_class_topk(x, w, gamma, of_classes, k, shortlist, words)
    np.testing.assert_array_equal(ids, want_ids)
    same_bits(logits, want_logits)


@LAYOUTS
def test_topk_parts(isa_kernels, layout):
    rng = np.random.default_rng(8)
    w = rng.integers(-1, 2, (300, 64)).astype(np.int8)
    x = rng.standard_normal(64).astype(F)
    parts = [(first, w[first : first + 80]) for first in range(0, 300, 80)]
    packed = [
        (first, isa_kernels.ternary(spec.pack(part, layout), [0.3], len(part), 64, layout)) for first, part in parts
    ]
    ids, logits = isa_kernels.topk_parts(x, packed, 9)
    want_ids, want_logits = spec.ternary_topk(x, w, F([0.3]), 9)
    np.testing.assert_array_equal(ids, want_ids)
    same_bits(logits, want_logits)


@LAYOUTS
def test_gpt2_head(isa_kernels, layout):
    """The largest matrix of the configurations: 50,257 x 128."""
    rng = np.random.default_rng(50257)
    w = rng.integers(-1, 2, (50257, 128), dtype=np.int8)
    packed = isa_kernels.ternary(spec.pack(w, layout), [0.02], *w.shape, layout)
    for x in rng.standard_normal((3, 128)).astype(F):
        ids, logits = isa_kernels.ternary_topk(x, packed, 10)
        want_ids, want_logits = spec.ternary_topk(x, w, F([0.02]), 10)
        np.testing.assert_array_equal(ids, want_ids)
        same_bits(logits, want_logits)
        same_bits(isa_kernels.ternary_fc(x[None], packed), spec.ternary_fc(x[None], w, F([0.02])))
    ids = np.array([0, 50256, 4, 5, 12345])
    same_bits(isa_kernels.ternary_embedding(ids, packed), spec.ternary_embedding(ids, w, F([0.02])))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(n=st.integers(1, 700), seed=st.integers(0, 2**32 - 1))
def test_quantise(isa_kernels, n, seed):
    x = tokens(np.random.default_rng(seed), 1, n)[0]
    q, d = isa_kernels.quantise(x)
    want_q, want_d = spec.absmax_quantise(x)
    np.testing.assert_array_equal(q, want_q)
    assert d == want_d


@LAYOUTS
def test_quantisation_inside_fc_is_the_public_one(isa_kernels, layout):
    """Through an identity matrix the op shows the quantised token; NaN counts as 0, in every variant."""
    rng = np.random.default_rng(3)
    x = tokens(rng, 8, 100)
    x[0, :7] = np.nan
    x[1] = np.nan
    packed = isa_kernels.ternary(spec.pack(np.eye(100, dtype=np.int8), layout), [1], 100, 100, layout)
    q, d = spec.absmax_quantise(x)
    same_bits(isa_kernels.ternary_fc(x, packed), q.astype(F) * d[:, None])


@LAYOUTS
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(rows=st.integers(1, 40), cols=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_unpack_inverts_pack(layout, rows, cols, seed):
    w = np.random.default_rng(seed).integers(-1, 2, (rows, cols)).astype(np.int8)
    packed = spec.pack(w, layout)
    assert packed.size == spec.packed_bytes(layout, rows, cols)
    np.testing.assert_array_equal(spec.unpack(packed, layout, rows, cols), w)


def test_packed_bytes(kernels):
    for layout in spec.LAYOUTS.values():
        for rows, cols in ((1, 1), (5, 7), (6, 8), (50257, 128), (134217728, 65536)):
            assert kernels.lib.bm_packed_bytes(layout, rows, cols) == spec.packed_bytes(layout, rows, cols)
        for rows, cols in ((0, 1), (1, 0), (-1, 5), (1, 65537)):
            assert kernels.lib.bm_packed_bytes(layout, rows, cols) == 0
    assert kernels.lib.bm_packed_bytes(4, 8, 8) == kernels.lib.bm_packed_bytes(-1, 8, 8) == 0


def test_errors(kernels):
    w = np.ones((6, 8), np.int8)
    packed = kernels.ternary(spec.pack(w, spec.B3), [1], 6, 8, spec.B3)
    x = np.ones((1, 8), F)

    def status(call):
        with pytest.raises(KernelError) as error:
            call()
        return error.value.status

    assert status(lambda: kernels.ternary_fc(x, packed, activation=2)) == 6
    assert status(lambda: kernels.ternary_fc(x, packed, scratch_bytes=token_bytes(8) - 1)) == 5
    assert status(lambda: kernels.ternary_topk(x, packed, 7)) == 2
    for k, shortlist, words in ((0, 3, 2), (4, 3, 2), (1, 0, 2), (1, 6, 2), (1, 3, 0)):
        assert status(lambda k=k, s=shortlist, n=words: kernels.ternary_class_topk(x, packed, [0] * 6, k, s, n)) == 2
    assert status(lambda: kernels.ternary_embedding([0, 6], packed)) == 4
    assert status(lambda: kernels.ternary_embedding([-1], packed)) == 4
    packed.layout = 4
    assert status(lambda: kernels.ternary_fc(x, packed)) == 3
    packed.layout, packed.rows = spec.B3, 0
    assert status(lambda: kernels.ternary_embedding([0], packed)) == 2
    packed.rows, packed.gamma_per_row = 6, 2
    assert status(lambda: kernels.ternary_embedding([0], packed)) == 6
    packed.packed = None
    assert status(lambda: kernels.ternary_fc(x, packed)) == 1


def test_a_failed_embedding_writes_nothing(kernels):
    packed = kernels.ternary(spec.pack(np.ones((6, 8), np.int8), spec.B3), [1], 6, 8, spec.B3)
    y = np.full((2, 8), 7, F)
    ids = np.array([1, 6], np.int32)
    assert kernels.lib.bm_ternary_embedding(byref(packed), ptr(ids), 2, ptr(y)) == 4
    assert (y == 7).all()


def test_the_worked_example_of_the_documentation(kernels):
    rows = ["1 0 -1 1 0", "0 0 1 -1 -1", "-1 1 1 0 0", "1 1 -1 0 1", "0 -1 0 0 1", "-1 -1 0 1 1"]
    w = np.array([row.split() for row in rows], np.int8)
    x = F([0.5, -1.27, 0.25, 1, 0.005])
    text = (build.ROOT / "docs" / "custom-ops.md").read_text(encoding="utf-8")
    assert "\n".join(" ".join(f"{v:2d}" for v in row) for row in w) in text
    rm2, b3 = spec.pack(w, spec.RM2), spec.pack(w, spec.B3)
    assert "   ".join(f"{a:02x} {b:02x}" for a, b in rm2.reshape(-1, 2)) in text
    assert "   ".join(" ".join(map(str, group)) for group in b3.reshape(-1, 5)) in text
    pl14, c5 = spec.pack(w, spec.PL14), spec.pack(w, spec.C5)
    assert " ".join(f"{word:08x}" for word in pl14.view("<u4")) in text
    assert " ".join(map(str, c5)) in text
    q, d = spec.absmax_quantise(x)
    assert q.tolist() == [50, -127, 25, 100, 0] and d == F(0.01)
    for packed, layout in ((rm2, spec.RM2), (b3, spec.B3), (pl14, spec.PL14), (c5, spec.C5)):
        y = kernels.ternary_fc(x[None], kernels.ternary(packed, [0.5], 6, 5, layout))[0]
        np.testing.assert_allclose(y, [0.625, -0.375, -0.76, -0.51, 0.635, 0.885], rtol=1e-6)


@LAYOUTS
def test_the_converter_packs_what_the_kernels_read(layout):
    packing = pytest.importorskip("convert.layouts")
    rng = np.random.default_rng(12)
    for shape in ((1, 1), (7, 9), (50, 33), (10, 64)):
        w = rng.integers(-1, 2, shape).astype(np.int8)
        np.testing.assert_array_equal(packing.pack(w, packing.LAYOUT_NAMES[layout]), spec.pack(w, layout))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(rows=st.integers(1, 130), cols=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
def test_b3_is_repacked_as_rm2(kernels, rows, cols, seed):
    rng = np.random.default_rng(seed)
    w = rng.integers(-1, 2, (rows, cols)).astype(np.int8)
    guard = rng.integers(0, 256, 16, np.uint8)
    expected = spec.pack(w, spec.RM2)
    target = np.concatenate([np.zeros_like(expected), guard])
    packed = kernels.ternary(spec.pack(w, spec.B3), [1.0], rows, cols, spec.B3)
    kernels.check(kernels.lib.bm_repack_b3_as_rm2(byref(packed), ptr(target)))
    np.testing.assert_array_equal(target, np.concatenate([expected, guard]))


@pytest.mark.parametrize("case", ["no target", "another layout", "no rows"])
def test_what_cannot_be_repacked_is_refused(kernels, case):
    layout = spec.RM2 if case == "another layout" else spec.B3
    w = kernels.ternary(spec.pack(np.zeros((5, 4), np.int8), layout), [1.0], 0 if case == "no rows" else 5, 4, layout)
    target = np.full(5, 255, np.uint8)
    status = kernels.lib.bm_repack_b3_as_rm2(byref(w), None if case == "no target" else ptr(target))
    assert status != 0 and (target == 255).all()
