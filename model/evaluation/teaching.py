"""How a name gets into a slot so that it comes back: the reference for what a device does when it is taught.

A disk reads back what it wrote. So does `teach`: it decodes the episode before it commits; where that is not the name, other
encodings of the same name are tried, each of them a different point among the 128 numbers. A name that none brings back is
answered by the slot's label. Decoding uses the best slot alone and no picture, so that what was read at teaching is what is
read at asking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.evaluation.machine import Machine

MOST = 12  # encodings tried, the first one included


@dataclass(frozen=True)
class Written:
    """Episodes of n names: episode float32 [n, D]; decodes bool [n]; tries int [n]; first bool [n]: at the first try; tokens:
    what the decoder says where it decodes."""

    episode: np.ndarray
    decodes: np.ndarray
    tries: np.ndarray
    first: np.ndarray
    tokens: list[list[int]]


def encodings(machine: Machine, name: str) -> list[tuple[list[int], bool]]:
    """(tokens, with the picture) in the order in which they are tried, each once.

    The name as it is, without a picture and with it; then cut into two parts that are tokenised apart: inside a word, from the
    middle of the name outwards, so that the tokens at the cut are others.
    """
    own = machine.tokenise(name)
    tried = [(own, False), (own, True)]
    middle = len(name) / 2
    for cut in sorted(range(1, len(name)), key=lambda i: (abs(i - middle), i)):
        if name[cut] == " " or name[cut - 1] == " ":  # tokenising strips white space
            continue
        tokens = machine.tokenise(name[:cut]) + machine.tokenise(name[cut:])
        if len(tokens) < machine.max_tokens and all(tokens != other for other, _ in tried):
            tried.append((tokens, False))
        if len(tried) == MOST:
            break
    return [(tokens, picture) for tokens, picture in tried if 0 < len(tokens) < machine.max_tokens]


def write_names(machine: Machine, names: list[str], pictures: np.ndarray) -> Written:
    """Teach n names with pictures float32 [n, 768]; all at once, round by round."""
    count = len(names)
    episode = np.zeros((count, machine.episode_dim), np.float32)
    decodes, first = np.zeros(count, bool), np.zeros(count, bool)
    tries = np.zeros(count, np.int64)
    lists = [encodings(machine, name) for name in names]
    said = [tries_of[0][0] if tries_of else [] for tries_of in lists]
    for attempt in range(MOST):
        rows = np.array([i for i in range(count) if not decodes[i] and attempt < len(lists[i])], np.int64)
        if not len(rows):
            continue
        tokens = [lists[i][attempt][0] for i in rows]
        seen = np.array([lists[i][attempt][1] for i in rows], np.float32)[:, None]
        encoded = machine.encode(tokens, pictures[rows] * seen)
        context = machine.context(encoded.episode)
        usual = machine.confirms(context, [lists[i][0][0] for i in rows])
        as_written = usual if attempt == 0 else machine.confirms(context, tokens)
        right = usual | as_written
        for i, text, is_usual in zip(rows, tokens, usual, strict=True):
            said[i] = lists[i][0][0] if is_usual else text
        if attempt == 0:
            episode[rows], first[rows] = encoded.episode, right
        episode[rows[right]] = encoded.episode[right]
        decodes[rows] = right
        tries[rows] += 1
    return Written(episode, decodes, tries, first, said)
