"""Property: the conversions that have few enough inputs are right for all of them, or for an even sample of them all."""

import numpy as np
import pytest

from tests.kernels import spec
from tests.kernels.test_ternary_ops import same_bits

F = np.float32
CHUNK = 2**20
STRIDE = 13  # prime: the sample meets every exponent, and low bits of all kinds


@pytest.mark.full
def test_floats_of_all_kinds_to_half(kernels):
    for first in range(0, 2**32, STRIDE * CHUNK):
        x = np.arange(first, min(first + STRIDE * CHUNK, 2**32), STRIDE, dtype=np.uint64).astype(np.uint32).view(F)
        number = ~np.isnan(x)
        with np.errstate(over="ignore"):
            want = x.astype(np.float16).view(np.uint16)
        np.testing.assert_array_equal(kernels.halves_from_floats(x)[number], want[number])


@pytest.mark.full
def test_exp32_through_softmax_on_floats_of_every_size(kernels):
    """A two-slot memory read shows exp32: the context of values 0 and 1 is e / (1 + e)."""
    rng = np.random.default_rng(1)
    bits = rng.integers(0x00000000, 0x42B00000, 40000, dtype=np.uint32)  # 0 to 88
    for x in -bits.view(F):
        got = kernels.memory_read([0, x], [[0], [1]], [1, 1], 1)
        same_bits(got, spec.memory_read(F([0, x]), F([[0], [1]]), [1, 1], 1))
