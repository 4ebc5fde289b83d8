"""The data set as training and evaluation see it: concepts, drawings, phrases, and who may be trained on."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.data.names import normalise

TRAIN, NEW_STYLE, HARD_STYLE = "train", "new_style", "hard_style"  # roles of drawing sets


class Views(NamedTuple):
    """What N drawings look like otherwise: V rows of `features` each, int32 [N, V], -1 where there is none; float32 [M, 768]."""

    rows: np.ndarray
    features: np.ndarray


NO_VIEWS = Views(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))


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


@dataclass(frozen=True)
class Dataset:
    """N drawings of C concepts by several sets, P phrases. Arrays are parallel; all functions are deterministic.

    `train_*` are the only drawings, names and phrases that training, its statistics and its tokenizer may touch.
    """

    split: str
    concepts: tuple[Concept, ...]
    sets: tuple[str, ...]
    roles: tuple[str, ...]  # of each set: train | new_style | hard_style
    artists: tuple[str, ...]  # of each set; noto and noto-v1 are by one studio
    concept: np.ndarray  # int32 [N], index into concepts
    set_index: np.ndarray  # int32 [N], index into sets
    q: np.ndarray  # int8 [N, 768]
    scale: np.ndarray  # float32 [N]
    phrases: tuple[str, ...]  # short noun phrases for training; no held-out name among them
    writing: dict[
        str, tuple[str, ...]
    ]  # texts as people write them, by kind; no held-out name, in any case, among them
    views: np.ndarray  # int32 [N, V]: each drawing's V views, rows of view_q; -1 where there are none
    view_q: np.ndarray  # int8 [M, 768]
    view_scale: np.ndarray  # float32 [M]

    @cached_property
    def features(self) -> np.ndarray:
        """float32 [N, 768]: q * scale, the numbers that the device's encoder gets."""
        return self.q.astype(np.float32) * self.scale[:, None]

    @cached_property
    def seen(self) -> Views:
        """The drawings' views, by a camera and as other hands might draw them; of the sets that are trained on."""
        return Views(self.views, self.view_q.astype(np.float32) * self.view_scale[:, None])

    @cached_property
    def held_out(self) -> np.ndarray:
        """bool [C]"""
        return np.array([concept.held_out for concept in self.concepts], bool)

    @cached_property
    def role(self) -> np.ndarray:
        """str [N]: the role of each drawing's set."""
        return np.array(self.roles)[self.set_index]

    def name_of(self, drawing: int) -> str:
        """What the drawing shows."""
        return self.concepts[self.concept[drawing]].name

    def reference(self, drawing: int) -> str:
        """How the console calls the drawing: "noto/1f353"."""
        return f"{self.sets[self.set_index[drawing]]}/{self.concepts[self.concept[drawing]].id}"

    def find(self, reference: str) -> int:
        """Index of the drawing called e.g. "noto/1f353"; BitmarError if there is none."""
        if reference not in self._references:
            raise BitmarError(
                f"picture {reference}: not in the data, expected SET/CODE with SET of {', '.join(self.sets)}"
            )
        return self._references[reference]

    @cached_property
    def _references(self) -> dict[str, int]:
        return {self.reference(i): i for i in range(len(self.concept))}

    def train_drawings(self) -> np.ndarray:
        """int64 [n]: drawings that may be trained on: training concepts, neither test style."""
        return np.flatnonzero((self.role == TRAIN) & ~self.held_out[self.concept])

    def train_drawings_by_concept(self, at_least: int = 2) -> dict[int, np.ndarray]:
        """{concept: its training drawings}, for concepts with `at_least` of them (two: one to teach, one to ask)."""
        return _by_concept(self.concept, self.train_drawings(), at_least)

    def train_names(self) -> list[str]:
        """Names of the training concepts."""
        return [concept.name for concept in self.concepts if not concept.held_out]

    def known_pairs(self) -> np.ndarray:
        """int64 [n, 2] (taught, asked): training concepts, taught by a training drawing, asked by one of an unseen set."""
        return self._pairs(~self.held_out, (TRAIN,), (NEW_STYLE,))

    def held_out_pairs(self) -> np.ndarray:
        """int64 [n, 2] (taught, asked): held-out concepts, two different artists' drawings, line art excluded."""
        return self._pairs(self.held_out, (TRAIN, NEW_STYLE), (TRAIN, NEW_STYLE))

    def hard_style_pairs(self) -> np.ndarray:
        """int64 [n, 2] (taught, asked): held-out concepts, taught in colour, asked in line art."""
        return self._pairs(self.held_out, (TRAIN, NEW_STYLE), (HARD_STYLE,))

    def _pairs(self, concepts: np.ndarray, taught: tuple[str, ...], asked: tuple[str, ...]) -> np.ndarray:
        allowed = concepts[self.concept]
        artist = np.array(self.artists)[self.set_index]
        asks = _by_concept(self.concept, np.flatnonzero(allowed & np.isin(self.role, asked)))
        pairs = [
            (teach, ask)
            for teach in np.flatnonzero(allowed & np.isin(self.role, taught))
            for ask in asks.get(int(self.concept[teach]), ())
            if artist[teach] != artist[ask] or len(self.sets) == 1
        ]
        return np.array(pairs, np.int64).reshape(-1, 2)


def _by_concept(concept: np.ndarray, drawings: np.ndarray, at_least: int = 1) -> dict[int, np.ndarray]:
    groups: dict[int, list[int]] = defaultdict(list)
    for drawing in drawings:
        groups[int(concept[drawing])].append(int(drawing))
    return {index: np.array(group) for index, group in groups.items() if len(group) >= at_least}


def without_held_out_text(dataset: Dataset) -> Dataset:
    """The same data with exact held-out names taken out of the phrases, out of the training concepts' tags and glosses, and,
    however they are written, out of the other texts."""
    secret = {concept.name for concept in dataset.concepts if concept.held_out}
    concepts = tuple(
        c
        if c.held_out
        else dataclasses.replace(
            c, tags=tuple(tag for tag in c.tags if tag not in secret), gloss="" if c.gloss in secret else c.gloss
        )
        for c in dataset.concepts
    )
    phrases = tuple(phrase for phrase in dataset.phrases if phrase not in secret)
    writing = {kind: tuple(t for t in texts if normalise(t) not in secret) for kind, texts in dataset.writing.items()}
    return dataclasses.replace(dataset, concepts=concepts, phrases=phrases, writing=writing)


def read_phrases(data_dir: Path) -> tuple[str, ...]:
    """All of phrases.txt, held-out names included."""
    path = data_dir / "phrases.txt"
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        raise BitmarError(f"{path} is missing: run `pipeline.py data` first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BitmarError(f"{path}: cannot be read ({error}), expected UTF-8 lines") from None
