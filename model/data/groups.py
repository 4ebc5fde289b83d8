"""Lists of rows as two arrays instead of an array each: the drawings of three million things are 48 MB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.data.lazy import Lazy


class Groups(Lazy[np.ndarray]):
    """`groups[i]`: the i-th list of rows. rows: int [n], list behind list; sizes: int [G], how long each is."""

    def __init__(self, rows: np.ndarray, sizes: np.ndarray) -> None:
        self.rows, self.sizes = rows, sizes
        self._past = np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def at(self, index: int) -> np.ndarray:
        """A view of `rows`."""
        past = self._past[index]
        return self.rows[past - self.sizes[index] : past]

    def select(self, chosen: np.ndarray) -> Groups:
        """These lists, int [k], in this order."""
        sizes = self.sizes[chosen]
        start = self._past[chosen] - sizes
        return Groups(self.rows[np.repeat(start, sizes) + places(sizes)], sizes)


def sizes_of(groups: Sequence[np.ndarray]) -> np.ndarray:
    """int64 [G]: how many rows each list has."""
    return groups.sizes if isinstance(groups, Groups) else np.fromiter(map(len, groups), np.int64, len(groups))


def places(sizes: np.ndarray) -> np.ndarray:
    """int64 [sum of sizes]: 0, 1, 2 ... in each list, list behind list."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def some_of(among: np.ndarray, sizes: np.ndarray, most: int, least: int, rng: np.random.Generator) -> np.ndarray:
    """Lists at random, as many as have at most `most` rows together, but `least` of them: their numbers, ascending.

    among: int [k], numbers of the lists to choose from; sizes: int [G], of all lists.
    """
    chosen = rng.permutation(among)
    return np.sort(chosen[: max(least, int(np.searchsorted(np.cumsum(sizes[chosen]), most, "right")))])
