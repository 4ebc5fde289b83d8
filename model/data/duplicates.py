"""Drop drawings that are nearly the same picture as another one.

Sets borrow from each other, and some draw two concepts alike ("person running", "man running"): a question about such a
pair would have been seen in training, or would have two right answers. Rule: two prepared pictures are near-duplicates
if, in their 16x16 RGB thumbnails, no cell of any channel differs by more than TOLERANCE (of 255). Drawings are taken in
a fixed order (sets as in packages.SETS, the test styles first; concepts as in emojibase, general ones before their
variants), and one that is a near-duplicate of any drawing kept so far, of whatever concept and set, is dropped.
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 16.0


def near_duplicates(thumbs: np.ndarray) -> list[tuple[int, int]]:
    """float32 [N, 768] in 0..255, in order of precedence -> pairs (dropped drawing, the kept one that it equals)."""
    mean = thumbs.reshape(len(thumbs), -1, 3).mean(1)  # cells within TOLERANCE -> means within it: a cheap first test
    kept = np.zeros(len(thumbs), bool)
    pairs = []
    for i, thumb in enumerate(thumbs):
        near = np.flatnonzero(kept & (np.abs(mean - mean[i]) <= TOLERANCE).all(1))
        equal = near[(np.abs(thumbs[near] - thumb) <= TOLERANCE).all(1)]
        if len(equal):
            pairs.append((i, int(equal[0])))
        else:
            kept[i] = True
    return pairs
