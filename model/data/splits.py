"""Which concepts are held out: never trained on, neither pictures nor name."""

from __future__ import annotations

import hashlib

from bitmar.errors import BitmarError

HELD_OUT_ONE_IN = 5
# Two splits, so that no choice made while looking at the first can be fitted to the figures of the second.
SALTS = {"development": "bitmar edge: development", "final": "bitmar edge: final figures"}


def is_held_out(concept_id: str, split: str) -> bool:
    """True for one concept in five, by a salted SHA-256 of its code points."""
    if split not in SALTS:
        raise BitmarError(f"split {split!r}: unknown, expected one of {', '.join(SALTS)}")
    digest = hashlib.sha256(f"{SALTS[split]}:{concept_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def trains_in_every_split(concept_id: str) -> bool:
    """True if no split holds the concept out: what is measured on such concepts is shared by all splits without a leak."""
    return not any(is_held_out(concept_id, split) for split in SALTS)
