"""Many texts as three arrays instead of an object each: three million captions are their letters and 48 MB."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable

import numpy as np

from model.data.lazy import Lazy

HASHED = 65_536  # texts whose hashes are collected at a time


class Strings(Lazy[str]):
    """Texts whose UTF-8 stands one behind the other; each is made when it is asked for."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        data, ends = bytearray(), array("q")
        for text in texts:
            data += text.encode()
            ends.append(len(data))
        self._data, self._ends = data, np.frombuffer(ends, np.int64) if ends else np.zeros(0, np.int64)
        self._starts = np.concatenate([[0], self._ends[:-1]])[: len(ends)]

    def __len__(self) -> int:
        return len(self._ends)

    def at(self, index: int) -> str:
        """Decoded anew each time."""
        return self._data[self._starts[index] : self._ends[index]].decode()

    def select(self, rows: np.ndarray) -> Strings:
        """The texts of these rows, int [n]; the letters are shared."""
        chosen = Strings()
        chosen._data, chosen._starts, chosen._ends = self._data, self._starts[rows], self._ends[rows]
        return chosen

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """(int64 [C], the first row of each different text, in order; int32 [n], which of these texts each row has).

        By 128 bits of BLAKE2b: that two of 10^9 texts are taken for one has a chance of 10^-20.
        """
        hashes = np.empty((len(self), 2), np.uint64)
        for first in range(0, len(self), HASHED):
            digests = b"".join(
                hashlib.blake2b(text.encode(), digest_size=16).digest() for text in self[first : first + HASHED]
            )
            hashes[first : first + HASHED] = np.frombuffer(digests, np.uint64).reshape(-1, 2)
        order = np.lexsort(hashes.T)  # stable: equal texts stay in the order of their rows
        new = np.ones(len(self), bool)
        new[1:] = (hashes[order[1:]] != hashes[order[:-1]]).any(1)
        first = order[new]
        by_row = np.argsort(first)
        place = np.empty(len(first), np.int32)
        place[by_row] = np.arange(len(first), dtype=np.int32)
        index = np.empty(len(self), np.int32)
        index[order] = place[np.cumsum(new) - 1]
        return first[by_row], index
