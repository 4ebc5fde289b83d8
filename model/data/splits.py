"""Which concepts are held out: never trained on, neither pictures nor name."""

from __future__ import annotations

import hashlib

from bitmar.errors import BitmarError

# Two splits, so that no choice made while looking at the first can be fitted to the figures of the second.
SALTS = {"development": "bitmar edge: development", "final": "bitmar edge: final figures"}
# Of so many families one is held out. What either split holds out the eye must not see: it lacks the development split's too.
HELD_OUT_ONE_IN = {"development": 10, "final": 5}
TEST_TEXT_ONE_IN = 20
TEST_TEXT_SALT = "bitmar edge: test names"


def is_held_out(family: str, split: str) -> bool:
    """True for one family in HELD_OUT_ONE_IN, by a salted SHA-256 of its name: near twins are held out together (families.py)."""
    if split not in SALTS:
        raise BitmarError(f"split {split!r}: unknown, expected one of {', '.join(SALTS)}")
    return _hash(f"{SALTS[split]}:{family}") % HELD_OUT_ONE_IN[split] == 0


def trains_in_every_split(family: str) -> bool:
    """True if no split holds the family out: what is measured on its concepts is shared by all splits without a leak."""
    return not any(is_held_out(family, split) for split in SALTS)


def is_test_text(text: str) -> bool:
    """True for one text in twenty, whatever its case: never trained on, and the only texts that test names are taken from."""
    return _hash(f"{TEST_TEXT_SALT}:{text.casefold()}") % TEST_TEXT_ONE_IN == 0


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
