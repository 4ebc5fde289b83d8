"""Several short texts in one row, so that training computes on tokens instead of padding.

Names have three to six tokens, the longest row has 32: padded to the longest, four fifths of the work would be wasted. A
packed row holds whole texts side by side; attention, positions and conditions are told apart per text, so each text is
computed as if it stood alone (Krell et al., 2021, for BERT; here for encoder and decoder).
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from keras import ops


class Packing(NamedTuple):
    """Where N texts of at most T tokens lie in R rows of L cells; at most G texts a row. All int32 unless said."""

    position: keras.KerasTensor  # [R, L] position inside the text; 0 in padding
    segment: keras.KerasTensor  # [R, L] which of the row's texts, 0..G-1; -1 in padding
    text: keras.KerasTensor  # [R, L] index of the text, 0..N-1; 0 in padding
    members: keras.KerasTensor  # [R, G] index of each of the row's texts; 0 where there is none
    cells: keras.KerasTensor  # [N, T] row * L + column of each token; 0 past the end
    present: keras.KerasTensor  # float32 [N, T] 1 = token, 0 = past the end

    def same_text(self) -> keras.KerasTensor:
        """float32 [R, 1, L, L]: 1 where two cells belong to one text."""
        return ops.cast(self.segment[:, None, :, None] == self.segment[:, None, None, :], "float32")

    def causal(self) -> keras.KerasTensor:
        """float32 [R, 1, L, L]: 1 where the second cell belongs to the same text and is not later."""
        length = self.segment.shape[1]
        return self.same_text() * ops.tril(ops.ones((length, length)))

    def members_allowed(self, each: int) -> keras.KerasTensor:
        """float32 [R, 1, L, G * each]: 1 where the `each` memory tokens of a member belong to the cell's own text."""
        owner = ops.repeat(ops.arange(self.members.shape[1], dtype="int32"), each)
        return ops.cast(self.segment[:, None, :, None] == owner, "float32")

    def gather(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Per-cell features back to per-text order: float32 [R, L, F] -> [N, T, F], zeros past the end."""
        flat = ops.reshape(x, (-1, x.shape[-1]))
        return ops.take(flat, self.cells, axis=0) * self.present[..., None]

    def spread(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A text's features to each of its cells: float32 [N, F] -> [R, L, F]."""
        return ops.take(x, self.text, axis=0)


def pack(lengths: np.ndarray, longest: int, rows: int, columns: int, members: int) -> tuple[Packing, np.ndarray]:
    """Place texts into rows, first fit in the given order; texts that find no room are left out.

    Args: lengths: int [N], tokens of each text, 0 = leave out; longest: T; rows, columns, members: R, L, G.
    Returns: (packing of NumPy arrays, placed: bool [N]).
    """
    count = len(lengths)
    position = np.zeros((rows, columns), np.int32)
    segment = np.full((rows, columns), -1, np.int32)
    text = np.zeros((rows, columns), np.int32)
    member = np.zeros((rows, members), np.int32)
    cells = np.zeros((count, longest), np.int32)
    placed = np.zeros(count, bool)
    free = [columns] * rows
    used = [0] * rows
    first_open = 0  # rows before it cannot take even one token
    for index, length in enumerate(lengths.tolist()):
        if not 0 < length <= longest:
            continue
        for row in range(first_open, rows):
            if free[row] >= length and used[row] < members:
                start = columns - free[row]
                position[row, start : start + length] = np.arange(length)
                segment[row, start : start + length] = used[row]
                text[row, start : start + length] = index
                member[row, used[row]] = index
                cells[index, :length] = row * columns + start + np.arange(length)
                placed[index] = True
                free[row] -= length
                used[row] += 1
                break
        while first_open < rows and (free[first_open] == 0 or used[first_open] == members):
            first_open += 1
    present = (np.arange(longest) < (lengths * placed)[:, None]).astype(np.float32)
    return Packing(position, segment, text, member, cells, present), placed


def fill(packing: Packing, values: np.ndarray, padding: int) -> np.ndarray:
    """Per-text values into the rows' cells: [N, T] -> [R, L] of the same dtype, `padding` where there is no token."""
    out = np.full(packing.position.size, padding, values.dtype)
    there = packing.present.astype(bool)
    out[packing.cells[there]] = values[there]
    return out.reshape(packing.position.shape)


def previous_tokens(ids: np.ndarray, bos: int) -> np.ndarray:
    """What a decoder reads, teacher forced, to write each of the tokens: <bos>, then all but the last; int32 [n, L] -> [n, L]."""
    return np.concatenate([np.full((len(ids), 1), bos, np.int32), ids[:, :-1]], axis=1)
