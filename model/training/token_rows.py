"""Token rows of many texts without their padding: 64 columns of int32 would be 256 bytes a text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from model.data.groups import Groups


class TokenRows:
    """`rows[index]`: int32 [n, columns], padded, of index int [n] or a slice.

    tokens: of text behind text, in as few bytes as the vocabulary needs.
    """

    def __init__(self, tokens: Groups, columns: int, pad: int) -> None:
        self.tokens, self.columns, self.pad = tokens, columns, pad

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: np.ndarray | slice) -> np.ndarray:
        chosen = self.tokens.select(np.arange(len(self))[index] if isinstance(index, slice) else index)
        out = np.full((len(chosen), self.columns), self.pad, np.int32)
        out[np.arange(self.columns) < chosen.sizes[:, None]] = chosen.rows
        return out

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i : i + 1][0] for i in range(len(self)))

    def select(self, rows: np.ndarray) -> TokenRows:
        """The texts of these rows (indices or a mask)."""
        return TokenRows(self.tokens.select(rows), self.columns, self.pad)

    def together(self, others: list[TokenRows]) -> TokenRows:
        """These texts and those of the others."""
        parts = [part.tokens for part in (self, *others)]
        return TokenRows(
            Groups(*(np.concatenate([getattr(part, what) for part in parts]) for what in ("rows", "sizes"))),
            self.columns,
            self.pad,
        )
