"""Property: packing loses nothing, whatever the shape, and writes the bytes that kernels/ read (tests/kernels/spec.py)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.layouts import LAYOUTS, pack, packed_bytes, unpack
from tests.kernels import spec

layouts = st.sampled_from(sorted(LAYOUTS))


@settings(max_examples=200, deadline=None)
@given(layouts, st.integers(1, 23), st.integers(1, 23), st.integers(0, 2**32 - 1))
def test_unpack_gives_back_what_pack_took(layout, rows, cols, seed):
    codes = np.random.default_rng(seed).integers(-1, 2, (rows, cols)).astype(np.int8)
    packed = pack(codes, layout)
    assert packed.dtype == np.uint8 and packed.shape == (packed_bytes(layout, rows, cols),)
    np.testing.assert_array_equal(unpack(packed, layout, rows, cols), codes)
    np.testing.assert_array_equal(packed, spec.pack(codes, LAYOUTS[layout]))


def test_every_base_3_byte_stands_for_its_own_five_codes():
    every = np.stack(np.meshgrid(*[[-1, 0, 1]] * 5, indexing="ij")).reshape(5, -1)
    packed = pack(every, "b3")
    assert sorted(packed) == list(range(243))
    np.testing.assert_array_equal(unpack(packed, "b3", 5, 243), every)
    packed = pack(every.T, "c5")
    assert packed.size == 248 and set(packed) == set(range(243))  # and five rows of padding
    np.testing.assert_array_equal(unpack(packed, "c5", 243, 5), every.T)


@pytest.mark.parametrize(("layout", "bits"), [("rm2", 2.0), ("b3", 1.6), ("pl14", 2.0), ("c5", 1.625)])
def test_bits_per_weight_without_padding(layout, bits):
    assert 8 * packed_bytes(layout, 640, 128) / (640 * 128) == bits


def test_what_pack_refuses():
    with pytest.raises(ValueError, match="outside"):
        pack(np.array([[2]]), "b3")
    with pytest.raises(ValueError, match="shape"):
        pack(np.zeros(4), "b3")
    with pytest.raises(ValueError, match="layout is 'b4'"):
        pack(np.zeros((4, 4)), "b4")


@pytest.mark.parametrize(
    ("layout", "packed"),
    [("b3", [243]), ("rm2", [3]), ("rm2", [1, 1]), ("c5", [243] * 8), ("pl14", [3] * 32), ("pl14", [4 * 2] * 32)],
)
def test_what_unpack_refuses(layout, packed):
    with pytest.raises(ValueError, match=f"{layout}|bytes"):
        unpack(np.array(packed, np.uint8), layout, 1, 1)
