"""The figures of metrics.json: any name, known and unknown things, life, say, ways, many, photos; all of them seeded."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.data.dataset import HARD_STYLE, Dataset
from model.data.features import Features
from model.evaluation.any_name import answers_right, any_name
from model.evaluation.life import THINGS, Rules, lives
from model.evaluation.machine import Machine, int8_units
from model.evaluation.names import KINDS, unseen_names
from model.evaluation.photos import photo_rows
from model.evaluation.questions import Questions, make_questions
from model.evaluation.refusal import Refusal
from model.evaluation.say import say_row
from model.evaluation.teaching import Written, write_names
from model.evaluation.unknown import make_strangers, unknown_row
from model.evaluation.ways import WAYS, best_slots, many_row, question_kinds, spaces, ways_row

SEED = 2026
NAMES = 200  # of each kind, where that many questions are asked in all
OTHER = ("plain", "personal", "possessive", "upper")  # kinds of the names that known things are taught under
MOST = 32_768  # drawings that are looked at; of larger data a seeded choice of things
MANY = (8, 16, 64, 256, 512)


@dataclass
class Details:
    """What the pictures of a report show beside the figures."""

    sheet: list[tuple[str, str, str, str, bool]] = field(
        default_factory=list
    )  # taught, asked, label, answer, right slot
    scores: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # values of known, of unknown things
    by_length: dict[int, dict[str, Any]] = field(default_factory=dict)
    perhaps: float = 0.0
    known: float = 0.0


def names_of_a_kind(count: int) -> int:
    """For `count` questions; enough at least that a memory's things have different names of the kinds OTHER."""
    return max(max(WAYS) // len(OTHER), min(NAMES, count // len(KINDS)))


class Evaluation:
    """One machine asked everything. `units` [N, D] of all drawings (of MOST at most) and their latents are computed once."""

    def __init__(
        self,
        machine: Machine,
        dataset: Dataset,
        criterion: Refusal | None,
        count: int = 2000,
        seed: int = SEED,
        photos: Features | None = None,
    ):
        self.names = unseen_names(dataset, names_of_a_kind(count), seed)
        dataset = dataset.sample(MOST, seed)
        self.machine, self.dataset, self.criterion, self.count, self.seed = machine, dataset, criterion, count, seed
        self.details, self.photos = Details(), photos
        encoded = machine.encode([[] for _ in dataset.concept], dataset.features)
        self.units = int8_units(encoded.key)
        self.spaces = spaces(dataset, dataset.features, self.units)

    def run(self) -> dict[str, Any]:
        """All rows."""
        rng = np.random.default_rng((self.seed, 9))
        total = sum(map(len, self.names.values()))
        pictures = self.dataset.features[rng.integers(0, len(self.dataset.concept), total)]
        names, self.details.by_length = any_name(self.machine, self.names, pictures)
        slots = min(16, total)
        every = [name for kind in self.names.values() for name in kind]
        report: dict[str, Any] = {"any_name": names, "by_tokens": self.details.by_length}
        report["unknown"] = self.unknown() if self.criterion else None
        report["life"] = self.life()
        report["say"] = say_row(every, slots, self.count, self.seed)
        report["ways"] = {str(ways): self.ways(ways) for ways in WAYS}
        report["many"] = {str(slots): self.many(slots) for slots in MANY}
        if self.photos:
            report["photos"] = photo_rows(self.machine, self.dataset, self.photos, self.count, self.seed)
        report["split"], report["seed"] = self.dataset.split, self.seed
        return report

    def ways(self, ways: int) -> dict[str, Any]:
        """One row for each kind of question; known things are taught under names that people give, not their own."""
        rows = {}
        for kind, pairs in question_kinds(self.dataset).items():
            if self._things(pairs) < ways:
                continue
            questions = make_questions(pairs, self.dataset.concept, ways, self.count, self.seed)
            best = best_slots(self.units, questions)
            chosen = questions.taught[np.arange(len(best)), best]
            labels = self._labels(kind, questions)
            given = labels[np.arange(len(best)), best]
            truth = labels[np.arange(len(best)), questions.answer]
            written = self._teach(list(zip(given.tolist(), chosen.tolist(), strict=True)))
            exact = answers_right(self.machine, written) & (given == truth)
            rows[kind] = ways_row(self.spaces, self.dataset, questions, best, exact)
            rows[kind]["decoded"] = round(float(written.decodes.mean()), 4)
            if ways == max(WAYS) and kind == "held_out_family":
                self._contact_sheet(questions, best, truth, given)
        return rows

    def _things(self, pairs: np.ndarray) -> int:
        """How many different things the pairs are about."""
        return len(np.unique(self.dataset.concept[pairs[:, 0]])) if len(pairs) else 0

    def _labels(self, kind: str, questions: Questions) -> np.ndarray:
        """str [Q, K]: what each slot's thing is called."""
        names = np.array([concept.name for concept in self.dataset.concepts], object)
        own = names[self.dataset.concept[questions.taught]]
        if kind != "known_other_names":
            return own
        other = np.array([n for k in OTHER for n in self.names[k]], object)
        rng = np.random.default_rng((self.seed, 10))
        return np.stack([other[rng.permutation(len(other))[: own.shape[1]]] for _ in range(len(own))])

    def _teach(self, things: list[tuple[str, int]]) -> Written:
        """Names with drawings; each different pair is written once."""
        different = list(dict.fromkeys(things))
        index = {thing: i for i, thing in enumerate(different)}
        drawings = np.array([drawing for _, drawing in different])
        written = write_names(self.machine, [name for name, _ in different], self.dataset.features[drawings])
        rows = np.array([index[thing] for thing in things])
        return written.of(rows)

    def _contact_sheet(self, questions: Questions, best: np.ndarray, truth: np.ndarray, answers: Iterable[str]) -> None:
        d = self.dataset
        rows = zip(
            questions.taught[np.arange(len(best)), questions.answer], questions.asked, truth, answers, strict=True
        )
        for i, (taught, asked, label, answer) in enumerate(rows):
            right = bool(best[i] == questions.answer[i])
            self.details.sheet.append((d.reference(int(taught)), d.reference(int(asked)), label, answer, right))

    def unknown(self) -> dict[str, Any]:
        """Rows of 16 and of 1 taught thing, pictograms and line art, one and three views."""
        assert self.criterion
        d, rows = self.dataset, {}
        kinds = {"pictograms": d.held_out_pairs(), "line_art": d.hard_style_pairs()}
        for name, pairs in kinds.items():
            if self._things(pairs) <= max(WAYS):
                continue
            for suffix, ways, views in (("", 16, 1), ("_one_slot", 1, 1), ("_three_views", 16, 3)):
                questions = make_strangers(pairs, d.concept, ways, self.count, self.seed, views)
                row, known, unknown = unknown_row(self.criterion, self.units, d.concept, questions)
                rows[name + suffix] = row
                if not suffix:
                    self.details.scores[name] = known, unknown
        self.details.perhaps, self.details.known = self.criterion.perhaps, self.criterion.known
        rows["empty_memory"] = {"false_naming": 0.0, "n": 0}  # nothing was taught: no scores, no name
        return rows

    def life(self) -> dict[str, Any] | None:
        """Held-out things, line art left out."""
        d = self.dataset
        rows = np.flatnonzero(d.held_out[d.concept] & (d.role != HARD_STYLE))
        groups = [rows[d.concept[rows] == concept] for concept in np.unique(d.concept[rows])]
        groups = [group for group in groups if len(group) > 1]
        return lives(self.units, groups, Rules(), self.seed) if len(groups) >= THINGS else None

    def many(self, slots: int) -> dict[str, Any]:
        """Slot found among many, and how long the search takes in NumPy (a device's time: `bench`)."""
        row = many_row(self.units, self.dataset, slots, self.count, self.seed)
        keys, query = self.units[:slots].astype(np.float32), self.units[0].astype(np.float32)
        began = time.perf_counter()
        for _ in range(1000):
            (keys @ query).argmax()
        return row | {"ms": round(time.perf_counter() - began, 4)}
