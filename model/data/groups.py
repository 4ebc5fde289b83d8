"""Lists of rows as two arrays instead of an array each: the drawings of three million things are 48 MB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Groups(Sequence[np.ndarray]):
    """`groups[i]`: the i-th list of rows. rows: int [n], list behind list; sizes: int [G], how long each is."""

    def __init__(self, rows: np.ndarray, sizes: np.ndarray) -> None:
        self.rows, self.sizes = rows, sizes
        self._past = np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        past = self._past[index]
        return self.rows[past - self.sizes[index] : past]

    def select(self, chosen: np.ndarray) -> Groups:
        """These lists, int [k], in this order."""
        sizes = self.sizes[chosen]
        before = np.cumsum(sizes) - sizes
        start = self._past[chosen] - sizes
        return Groups(self.rows[np.repeat(start - before, sizes) + np.arange(sizes.sum())], sizes)


def sizes_of(groups: Sequence[np.ndarray]) -> np.ndarray:
    """int64 [G]: how many rows each list has."""
    return groups.sizes if isinstance(groups, Groups) else np.fromiter(map(len, groups), np.int64, len(groups))
