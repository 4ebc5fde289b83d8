"""Property: a split depends on the code point and the salt alone, holds out so many concepts, and is the same everywhere."""

from __future__ import annotations

import pytest

from bitmar.errors import BitmarError
from model.data.splits import HELD_OUT_ONE_IN, SALTS, is_held_out, trains_in_every_split

CODES = [f"{code:x}" for code in range(0x1F300, 0x1F300 + 5000)]
PINNED = {"1f353": [False, False], "1f600": [False, False], "counts": [521, 1010]}


@pytest.mark.parametrize("split", SALTS)
def test_one_in_so_many(split: str) -> None:
    share = sum(is_held_out(code, split) for code in CODES) / len(CODES)
    assert abs(share - 1 / HELD_OUT_ONE_IN[split]) < 0.02  # three standard deviations: 0.017


def test_splits_are_independent() -> None:
    both = sum(all(is_held_out(code, split) for split in SALTS) for code in CODES) / len(CODES)
    assert abs(both - 0.02) < 0.01
    for code in CODES:
        assert trains_in_every_split(code) == (not any(is_held_out(code, split) for split in SALTS))


def test_stays_as_it_was() -> None:
    """A change of salt or rule would silently mix held-out concepts into trained models."""
    assert [is_held_out("1f353", split) for split in ("development", "final")] == PINNED["1f353"]
    assert [is_held_out("1f600", split) for split in ("development", "final")] == PINNED["1f600"]
    assert [sum(is_held_out(code, split) for code in CODES) for split in ("development", "final")] == PINNED["counts"]


def test_unknown_split() -> None:
    with pytest.raises(BitmarError, match="expected one of development, final"):
        is_held_out("1f353", "other")
