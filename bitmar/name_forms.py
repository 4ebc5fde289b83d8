"""The forms in which a name is tried, one after the other, until one reads back: a search that reading guides.

As it is; in two layers; in three (name_layers.py); then each of them again with the token that was misread cut in two (other
tokens say the same bytes), and so on: fewer cuts first, then the one that was right for longer. mcu_app/src/app/name_forms.cpp
does the same on a board, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True)
class Form:
    """A name's bytes; where its second and third layer begin; where tokenising begins anew within layers, by rising offset."""

    name: bytes
    layers: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()

    def parts(self) -> list[list[bytes]]:
        """Of each layer, the upper one first, the pieces that are tokenised apart."""
        ends = (*self.layers, len(self.name))
        return [self._pieces(start, end) for start, end in zip((0, *self.layers), ends, strict=True)]

    def _pieces(self, start: int, end: int) -> list[bytes]:
        places = [start, *(at for at in self.cuts if start < at < end), end]
        return [self.name[a:b] for a, b in pairwise(places)]

    def cut(self, tokens: list[tuple[int, int]], right: int) -> Form | None:
        """With the token that byte `right` is in cut in two, as near to its middle as may be; else the nearest one with a place.

        Args: tokens: where each begins and ends. Returns None where no token has a place.
        """
        misread = sum(end <= right for _, end in tokens[:-1])  # behind the last one it is that
        for i in sorted(range(len(tokens)), key=lambda i: (abs(i - misread), i)):
            start, end = tokens[i]
            if at := nearest_cut(self.name, (start + end) // 2, start, end):
                return replace(self, cuts=tuple(sorted((*self.cuts, at))))
        return None


class FormSearch:
    """Which form of a name to try next; without the one with the picture, which is no other text."""

    def __init__(self, name: bytes):
        self.waiting = first_forms(name)
        # by the number of layers: bytes that were right, and what to try next
        self.others: dict[int, tuple[int, Form]] = {}

    def next(self) -> Form | None:
        """None: there is no other one."""
        if self.waiting:
            return self.waiting.pop(0)
        if not self.others:
            return None
        ranks = {layers: (-len(form.cuts), right, -layers) for layers, (right, form) in self.others.items()}
        return self.others.pop(max(ranks, key=ranks.__getitem__))[1]

    def was_misread(self, form: Form, tokens: list[tuple[int, int]], right: int) -> None:
        """Of a form's tokens (where each begins and ends) those before byte `right` came back, and then something else."""
        if other := form.cut(tokens, right):
            self.others[len(form.layers)] = right, other


def first_forms(name: bytes) -> list[Form]:
    """In one layer, in two and in three, where there are places to cut: layers of about equal length."""
    size = len(name)
    middle, low, high = (nearest_cut(name, at, 0, size) for at in (size // 2, size // 3, size * 2 // 3))
    forms = [Form(name)]
    if middle:
        forms.append(Form(name, (middle,)))
    if 0 < low < high:
        forms.append(Form(name, (low, high)))
    return forms


def nearest_cut(name: bytes, at: int, start: int, end: int) -> int:
    """The place between two bytes, neither of them included, that is nearest to `at` and may be cut, of two as near the lower.

    No character is cut in two, and nothing is cut beside a space, which tokenising may strip. 0: there is none.
    """
    for apart in range(end - start):
        for place in (at - apart, at + apart):
            if start < place < end and name[place] & 0xC0 != 0x80 and b" " not in name[place - 1 : place + 1]:
                return place
    return 0
