"""A name into a slot's numbers, so that it comes back: read back as a disk does, before anything is on the card.

mcu_app/src/app/teaching.cpp does the same on a board, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from bitmar.engine import Encoding, Engine
from bitmar.errors import BitmarError
from bitmar.memory import Memory
from bitmar.name_forms import Form, FormSearch
from bitmar.name_layers import MOST_LAYERS, beneath, superpose
from bitmar.tokenizer import Tokenizer

MOST_TRIES = 12  # forms of a name, the first one included


@dataclass(frozen=True)
class WrittenName:
    """An episode, float32 [D], as the slot will hold it; whether the decoder brings the name back from it; forms tried."""

    episode: np.ndarray
    decodes: bool
    tries: int


class Heard(NamedTuple):
    """How many bytes of a name were read before a token that is none of it; whole: all of them and nothing else."""

    right: int
    whole: bool


class NameWriter:
    """Encodes names and reads them back. Not for two threads at once."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer, memory: Memory):
        self.engine, self.tokenizer, self.memory = engine, tokenizer, memory

    def tokens(self, name: str) -> list[int]:
        """The name's tokens. BitmarError where they are more than the model's window takes."""
        tokens, most = self.tokenizer.encode(name), self.engine.model.max_tokens - 1
        if len(tokens) > most:
            raise BitmarError(f"name {name!r}: {len(tokens)} tokens, expected at most {most}")
        return tokens

    def write(self, name: str, seen: Encoding | None) -> WrittenName:
        """The first form of a name that reads back, else the first one: as it is, so with its picture, then others.

        Args: seen: of the name with its picture; None where there is no picture.
        """
        self.tokens(name)  # refuses one that is too long
        search, first, tries = FormSearch(name.encode()), None, 0
        while tries < MOST_TRIES and (found := self._next(search)):
            form, layers = found
            episode = self.memory.as_stored(superpose(map(self._layer, layers)))
            first = episode if first is None else first
            tries += 1
            heard = self.read(episode, name)
            if heard.whole:
                return WrittenName(episode, True, tries)
            search.was_misread(form, self._places(layers), heard.right)
            if tries == 1 and seen is not None:
                episode, tries = self.memory.as_stored(seen.episode), 2
                if self.read(episode, name).whole:
                    return WrittenName(episode, True, tries)
        return WrittenName(first, False, tries)

    def read(
        self, episode: np.ndarray, name: str, decode: Callable[[np.ndarray, np.ndarray], list[int]] | None = None
    ) -> Heard:
        """How much of a name a slot's episode, float32 [D], says, alone and without a picture, whatever is asked with.

        Layer by layer: while what the decoder says is how the rest of the name begins, what lies beneath is read.
        decode: as Engine.answer, which it is where it is None.
        """
        decode, raw, done = decode or self.engine.answer, name.encode(), 0
        for _ in range(MOST_LAYERS):
            tokens = decode(self.engine.alone(episode), self.engine.no_picture())
            said, ended = self.tokenizer.decode_bytes(tokens), len(tokens) < self.engine.model.max_tokens
            if not raw.startswith(said, done):
                return Heard(done + self._agreeing(tokens, raw[done:]), False)
            done += len(said)
            if not (ended and said) or done == len(raw):
                return Heard(done, bool(ended and said))
            episode = beneath(episode, self._layer(tokens))
        return Heard(done, False)

    def _agreeing(self, tokens: list[int], rest: bytes) -> int:
        """Bytes of the tokens before the first one that is not how the rest of the name goes on."""
        done = 0
        for token in tokens:
            piece = self.tokenizer.decode_bytes([token])
            if not rest.startswith(piece, done):
                break
            done += len(piece)
        return done

    def _next(self, search: FormSearch) -> tuple[Form, list[list[int]]] | None:
        """The next form of which the model takes every layer, and the tokens of each."""
        while form := search.next():
            layers = [[token for piece in part for token in self.tokenizer.encode(piece)] for part in form.parts()]
            if all(len(tokens) < self.engine.model.max_tokens for tokens in layers):
                return form, layers
        return None

    def _layer(self, tokens: list[int]) -> np.ndarray:
        """A text's episode as a slot would hold it, float32 [D]."""
        return self.memory.as_stored(self.engine.encode(tokens, None).episode)

    def _places(self, layers: list[list[int]]) -> list[tuple[int, int]]:
        """Where each of the layers' tokens begins and ends in the name's bytes."""
        sizes = (len(self.tokenizer.decode_bytes([token])) for tokens in layers for token in tokens)
        return [*pairwise(accumulate(sizes, initial=0))]
