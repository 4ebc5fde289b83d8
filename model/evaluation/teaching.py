"""How a name gets into a slot so that it comes back: the reference for what a device does when it is taught.

A disk reads back what it wrote. So does `teach`: it decodes the episode before it commits; where that is not the name, other
forms of the same name are tried: with the picture, then those of bitmar/name_forms.py. A name that none brings back is answered
by the slot's label. Decoding uses the best slot alone and no picture, so that what was read at teaching is what is read at
asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from bitmar.name_forms import Form, FormSearch
from bitmar.name_layers import beneath, superpose
from model.evaluation.machine import Machine

MOST = 12  # forms tried, the first one included

Layers = list[list[int]]  # tokens of each layer, the upper one first


@dataclass(frozen=True)
class Written:
    """Episodes of n names: episode float32 [n, D]; decodes bool [n]; tries int [n]; layers: what each slot holds, if anything."""

    episode: np.ndarray
    decodes: np.ndarray
    tries: np.ndarray
    layers: list[Layers]

    @property
    def first(self) -> np.ndarray:
        """bool [n]: decodes at the first try."""
        return self.decodes & (self.tries == 1)

    def of(self, rows: np.ndarray) -> Written:
        """Those of some names."""
        return Written(self.episode[rows], self.decodes[rows], self.tries[rows], [self.layers[i] for i in rows])


class Writing:
    """One name on its way into a slot: the form that is tried now."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.search, self.layers, self.pictured = machine, FormSearch(name.encode()), [], False
        form = self._next()
        self.form = form if form == Form(name.encode()) else None  # one that does not fit as it is cannot be taught

    def go_on(self, right: int) -> None:
        """To the next form: of this one, only the first `right` tokens came back."""
        if not self.pictured:
            sizes = (self.machine.bytes_of(token) for part in self.layers for token in part)
            places = [*accumulate(sizes, initial=0)]
            self.search.was_misread(self.form, [*pairwise(places)], places[right])
        self.pictured = not self.pictured and self.form == Form(self.form.name)  # the name as it is, once more
        if not self.pictured:
            self.form = self._next()

    def _next(self) -> Form | None:
        """The next form of which the machine takes every layer; their tokens in `layers`, pieces tokenised apart."""
        while form := self.search.next():
            parts = form.parts()
            self.layers = [[t for piece in part for t in self.machine.tokenise(piece.decode())] for part in parts]
            if all(0 < len(part) < self.machine.max_tokens for part in self.layers):
                return form
        return None


def write_names(machine: Machine, names: list[str], pictures: np.ndarray) -> Written:
    """Teach n names with pictures float32 [n, 768]; all at once, round by round."""
    count = len(names)
    episode = np.zeros((count, machine.episode_dim), np.float32)
    decodes, tries = np.zeros(count, bool), np.zeros(count, np.int64)
    writing = [Writing(machine, name) for name in names]
    layers: list[Layers] = [[] for _ in names]
    for attempt in range(MOST):
        rows = np.array([i for i in range(count) if writing[i].form and not decodes[i]], np.int64)
        if not len(rows):
            break
        seen = np.array([writing[i].pictured for i in rows])[:, None]
        tried = [writing[i].layers for i in rows]
        written = superposed(machine, tried, pictures[rows] * seen)
        right = right_tokens(machine, written, tried)
        for i, one, tokens, found in zip(rows, written, tried, right, strict=True):
            decodes[i] = found > sum(map(len, tokens))
            if decodes[i] or attempt == 0:
                episode[i], layers[i] = one, tokens
            if not decodes[i]:
                writing[i].go_on(found)
        tries[rows] += 1
    return Written(episode, decodes, tries, layers)


def superposed(machine: Machine, layers: list[Layers], pictures: np.ndarray) -> np.ndarray:
    """Episodes of n texts with pictures float32 [n, 768], as slots hold them: float32 [n, D]."""
    found = []
    for depth in range(max(map(len, layers))):
        rows = np.array([i for i, parts in enumerate(layers) if depth < len(parts)])
        layer = np.zeros((len(layers), machine.episode_dim), np.float32)
        layer[rows] = machine.encode([layers[i][depth] for i in rows], pictures[rows]).episode
        found.append(layer)
    return superpose(found).astype(np.float16).astype(np.float32)


def right_tokens(machine: Machine, episode: np.ndarray, layers: list[Layers]) -> np.ndarray:
    """int [n]: how many tokens come back before one that is misread, layer by layer; one more than there are where all do and
    nothing follows. Episodes float32 [n, D]."""
    right, rest = np.zeros(len(layers), np.int64), np.array(episode)
    rows = np.array([i for i, parts in enumerate(layers) if parts], np.int64)
    for depth in range(max(map(len, layers), default=0)):
        if not len(rows):
            break
        tokens = [layers[i][depth] for i in rows]
        found = machine.right_tokens(machine.context(rest[rows]), tokens)
        whole = found > np.array([len(text) for text in tokens])
        last = np.array([depth + 1 == len(layers[i]) for i in rows])
        right[rows] += found - (whole & ~last)  # <eos> of an upper layer is none of the name's
        tokens, rows = [text for text, goes in zip(tokens, whole & ~last, strict=True) if goes], rows[whole & ~last]
        if len(rows):
            none = np.zeros((len(rows), 768), np.float32)
            rest[rows] = beneath(rest[rows], machine.encode(tokens, none).episode)
    return right
