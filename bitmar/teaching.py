"""A name into a slot's numbers, so that it comes back: read back as a disk does, before anything is on the card.

mcu_app/src/app/teaching.cpp does the same on a board, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bitmar.engine import Encoding, Engine
from bitmar.errors import BitmarError
from bitmar.memory import Memory
from bitmar.tokenizer import Tokenizer

MOST_TRIES = 12  # encodings of a name, the first one included


@dataclass(frozen=True)
class WrittenName:
    """An episode, float32 [D], as the slot will hold it; whether the decoder brings the name back from it; encodings tried."""

    episode: np.ndarray
    decodes: bool
    tries: int


def cuts(name: str) -> Iterator[int]:
    """Where a name is cut in two: from its middle outwards, of two places as near the lower; not beside a space."""
    count = len(name)
    for apart in range(count % 2, count - 1, 2):
        for at in dict.fromkeys(((count - apart) // 2, (count + apart) // 2)):
            if name[at] != " " and name[at - 1] != " ":
                yield at


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
        """The first encoding of a name that reads back, else the first one.

        Args: seen: of the name with its picture; None where there is no picture.
        """
        first, tries = None, 0
        for episode in self._episodes(name, seen):
            episode = self.memory.as_stored(episode)
            first = episode if first is None else first
            tries += 1
            if self.read(episode) == name.encode():
                return WrittenName(episode, True, tries)
            if tries == MOST_TRIES:
                break
        return WrittenName(first, False, tries)

    def read(self, episode: np.ndarray) -> bytes:
        """What the decoder says to one slot read alone, without a picture: what the slot says, whatever is asked with."""
        tokens = self.engine.answer(self.engine.alone(episode), self.engine.no_picture())
        return self.tokenizer.decode_bytes(tokens) if len(tokens) < self.engine.model.max_tokens else b""

    def _episodes(self, name: str, seen: Encoding | None) -> Iterator[np.ndarray]:
        """The name as it is, without and with the picture; then in two parts that are tokenised apart."""
        own = self.tokens(name)
        yield self.engine.encode(own, None).episode
        if seen is not None:
            yield seen.episode
        tried = [own]
        for at in cuts(name):
            tokens = self.tokenizer.encode(name[:at]) + self.tokenizer.encode(name[at:])
            if len(tokens) < self.engine.model.max_tokens and tokens not in tried:
                tried.append(tokens)
                yield self.engine.encode(tokens, None).episode
