"""The things that a data set is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.data.lazy import Lazy
from model.data.strings import Strings


@dataclass(frozen=True)
class Concept:
    """A thing with a name."""

    id: str  # code points in hexadecimal, "1f353"
    name: str
    tags: tuple[str, ...]
    group: str
    gloss: str  # WordNet's definition of the name, or ""
    family: str  # what it shares with its near twins: held out or trained on together
    held_out: bool


class CaptionConcepts(Lazy[Concept]):
    """Things that are their captions, without tags or glosses; each Concept is made when it is asked for.

    names: the captions, all different; held_out: bool [C].
    """

    def __init__(self, names: Strings, held_out: np.ndarray, group: str) -> None:
        self.names, self.held_out, self.group = names, held_out, group

    def __len__(self) -> int:
        return len(self.names)

    def at(self, index: int) -> Concept:
        """Made anew each time."""
        name = self.names[index]
        return Concept(str(index), name, (), self.group, "", name, bool(self.held_out[index]))
