"""The data set as training and evaluation see it: concepts, drawings, phrases, and who may be trained on."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.data.concepts import CaptionConcepts, Concept
from model.data.groups import Groups, places, some_of
from model.data.names import normalise
from model.data.states import Pictures, States
from model.data.strings import Strings

TRAIN, NEW_STYLE, HARD_STYLE = "train", "new_style", "hard_style"  # roles of drawing sets
MOST_ASKED = 64  # drawings of one thing that are asked for in its pairs: a caption may be there ten thousand times


class Views(NamedTuple):
    """What N drawings look like otherwise: V rows of `features` each, int32 [N, V], -1 where there is none; float32 [M, 768]."""

    rows: np.ndarray
    features: np.ndarray


NO_VIEWS = Views(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))


@dataclass(frozen=True)
class Dataset:
    """N drawings of C concepts by several sets, P phrases. Arrays are parallel; all functions are deterministic.

    `train_*` are the only drawings, names and phrases that training, its statistics and its tokenizer may touch.
    """

    split: str
    concepts: Sequence[Concept]
    sets: tuple[str, ...]
    roles: tuple[str, ...]  # of each set: train | new_style | hard_style
    artists: tuple[str, ...]  # of each set; noto and noto-v1 are by one studio
    concept: np.ndarray  # int32 [N], index into concepts
    set_index: np.ndarray  # int32 [N], index into sets
    q: np.ndarray | States  # int8 [N, 768]
    scale: np.ndarray  # float32 [N]
    phrases: tuple[str, ...]  # short noun phrases for training; no held-out name among them
    writing: dict[
        str, tuple[str, ...]
    ]  # texts as people write them, by kind; no held-out name, in any case, among them
    views: np.ndarray  # int32 [N, V]: each drawing's V views, rows of view_q; -1 where there are none
    view_q: np.ndarray  # int8 [M, 768]
    view_scale: np.ndarray  # float32 [M]

    @cached_property
    def features(self) -> np.ndarray | Pictures:
        """float32 [N, 768]: q * scale, the numbers that the device's encoder gets. Rows on disk stay there until indexed."""
        if isinstance(self.q, States):
            return Pictures(self.q, self.scale)
        return self.q.astype(np.float32) * self.scale[:, None]

    @cached_property
    def seen(self) -> Views:
        """The drawings' views, by a camera and as other hands might draw them; of the sets that are trained on."""
        return Views(self.views, self.view_q.astype(np.float32) * self.view_scale[:, None])

    @cached_property
    def held_out(self) -> np.ndarray:
        """bool [C]"""
        if isinstance(self.concepts, CaptionConcepts):
            return self.concepts.held_out
        return np.array([concept.held_out for concept in self.concepts], bool)

    @cached_property
    def names(self) -> Strings:
        """The C concepts' names."""
        if isinstance(self.concepts, CaptionConcepts):
            return self.concepts.names
        return Strings(concept.name for concept in self.concepts)

    def described(self, concepts: np.ndarray) -> list[Concept]:
        """Those of the concepts (int [n]) that may have tags or a gloss; captions have neither."""
        return [] if isinstance(self.concepts, CaptionConcepts) else [self.concepts[c] for c in concepts]

    @cached_property
    def role(self) -> np.ndarray:
        """str [N]: the role of each drawing's set."""
        return np.array(self.roles)[self.set_index]

    def name_of(self, drawing: int) -> str:
        """What the drawing shows."""
        return self.names[self.concept[drawing]]

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
        return np.flatnonzero(self._drawn_by(TRAIN) & ~self.held_out[self.concept])

    def _drawn_by(self, *roles: str) -> np.ndarray:
        """bool [N]: is the drawing of a set with one of these roles?"""
        return np.isin(self.roles, roles)[self.set_index]

    def train_drawings_by_concept(self, at_least: int = 2) -> dict[int, np.ndarray]:
        """{concept: its training drawings}, for concepts with `at_least` of them (two: one to teach, one to ask)."""
        concepts, groups = self.train_groups(at_least)
        return dict(zip(concepts.tolist(), groups, strict=True))

    def train_groups(self, at_least: int = 2) -> tuple[np.ndarray, Groups]:
        """`train_drawings_by_concept` as arrays: (int [n] the concepts, in the order of their first drawings; their drawings)."""
        drawings = self.train_drawings()
        found, first, counts = np.unique(self.concept[drawings], return_index=True, return_counts=True)
        order = np.argsort(first)
        order = order[counts[order] >= at_least]
        return found[order], Groups(drawings[np.argsort(self.concept[drawings], kind="stable")], counts).select(order)

    def sample(self, most: int, seed: int) -> Dataset:
        """All of it where it has at most `most` drawings, else about so many: a seeded choice of things; in RAM.

        Of a thing at most MOST_ASKED drawings; names of the things that are not chosen are gone too.
        """
        if len(self.concept) <= most:
            return dataclasses.replace(self, q=self.q[:]) if isinstance(self.q, States) else self
        sizes = np.bincount(self.concept, minlength=len(self.concepts))
        every = np.arange(len(self.concepts))
        chosen = some_of(every, np.minimum(sizes, MOST_ASKED), most, 1, np.random.default_rng((seed, 11)))
        rows = np.flatnonzero(np.isin(self.concept, chosen))
        order = np.argsort(self.concept[rows], kind="stable")
        rows = np.sort(rows[order[places(sizes[chosen]) < MOST_ASKED]])
        return dataclasses.replace(
            self,
            concepts=tuple(self.concepts[i] for i in chosen),
            concept=np.searchsorted(chosen, self.concept[rows]).astype(np.int32),
            set_index=self.set_index[rows],
            q=self.q[rows],
            scale=self.scale[rows],
            views=self.views[rows],
        )

    def train_names(self) -> Strings:
        """Names of the training concepts."""
        return self.names.select(np.flatnonzero(~self.held_out))

    def held_out_among(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts that are held-out names."""
        asked = set(texts)
        return {name for name in self.names.select(np.flatnonzero(self.held_out)) if name in asked}

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
        asks = np.flatnonzero(allowed & self._drawn_by(*asked))
        asks = asks[np.argsort(self.concept[asks], kind="stable")]
        first, past = (
            np.searchsorted(self.concept[asks], np.arange(len(concepts)), side) for side in ("left", "right")
        )
        teach = np.flatnonzero(allowed & self._drawn_by(*taught))
        of = self.concept[teach]
        counts = np.minimum(past - first, MOST_ASKED)[of]
        pairs = np.stack([np.repeat(teach, counts), asks[np.repeat(first[of], counts) + places(counts)]], 1)
        if len(self.sets) == 1:
            return pairs
        artist = np.unique(self.artists, return_inverse=True)[1][self.set_index]
        return pairs[artist[pairs[:, 0]] != artist[pairs[:, 1]]]


def without_held_out_text(dataset: Dataset) -> Dataset:
    """The same data with exact held-out names taken out of the phrases, out of the training concepts' tags and glosses, and,
    however they are written, out of the other texts."""
    described = dataset.described(np.flatnonzero(~dataset.held_out))
    written = {kind: [normalise(text) for text in texts] for kind, texts in dataset.writing.items()}
    secret = dataset.held_out_among(
        itertools.chain(dataset.phrases, *written.values(), *(c.tags for c in described), (c.gloss for c in described))
    )
    concepts = dataset.concepts
    if described:
        concepts = tuple(
            c
            if c.held_out
            else dataclasses.replace(
                c, tags=tuple(tag for tag in c.tags if tag not in secret), gloss="" if c.gloss in secret else c.gloss
            )
            for c in concepts
        )
    phrases = tuple(phrase for phrase in dataset.phrases if phrase not in secret)
    writing = {
        kind: tuple(text for text, name in zip(dataset.writing[kind], names, strict=True) if name not in secret)
        for kind, names in written.items()
    }
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
