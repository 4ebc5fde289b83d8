"""Property: binary16 conversion gives IEEE 754's bits (NumPy's) for every half and for floats around every boundary."""

from __future__ import annotations

import numpy as np

from tests.memstore.native import library


def test_every_half_becomes_its_float_and_returns() -> None:
    lib = library()
    halves = np.arange(65536, dtype=np.uint16)
    expected = halves.view(np.float16).astype(np.float32)
    floats = np.array([lib.ms_half_to_float(int(h)) for h in halves], np.float32)
    finite = ~np.isnan(expected)
    assert np.array_equal(floats[finite].view(np.uint32), expected[finite].view(np.uint32))
    assert np.isnan(floats[~finite]).all()
    back = np.array([lib.ms_half_from_float(float(f)) for f in floats[finite]], np.uint16)
    assert np.array_equal(back, halves[finite])


def test_floats_round_to_nearest_even() -> None:
    lib = library()
    rng = np.random.default_rng(1)
    halves = np.arange(0, 0x7C00, dtype=np.uint16)
    low, high = halves.view(np.float16).astype(np.float64), np.append(halves[1:], 0x7C00).astype(np.uint16)
    ceiling = np.where(high == 0x7C00, 65536.0, high.view(np.float16).astype(np.float64))
    ties = ((low + ceiling) / 2).astype(np.float32)  # exact in binary32
    near = np.concatenate([ties, np.nextafter(ties, np.float32(0)), np.nextafter(ties, np.float32(1e9))])
    anything = rng.integers(0, 2**32, 20000, dtype=np.uint32).view(np.float32)
    floats = np.concatenate([near, -near, anything[~np.isnan(anything)]])
    with np.errstate(over="ignore"):
        expected = floats.astype(np.float16).view(np.uint16)
    ours = np.array([lib.ms_half_from_float(float(f)) for f in floats], np.uint16)
    assert np.array_equal(ours, expected)
