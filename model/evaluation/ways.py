"""K things are taught, one is asked for with another artist's drawing: is its slot the best, is the answer its name?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from model import discriminant
from model.data.dataset import Dataset
from model.evaluation.bootstrap import interval
from model.evaluation.questions import Questions, make_questions

WAYS = (8, 16)


class Spaces(NamedTuple):
    """Every picture in three spaces, unit rows [N, .]: the model's keys, and what they are measured against."""

    keys: np.ndarray
    nearest: np.ndarray  # the 768 numbers themselves
    lda: np.ndarray  # closed-form discriminant of the training drawings, as many numbers as a key


def spaces(dataset: Dataset, features: np.ndarray, keys: np.ndarray) -> Spaces:
    """Pictures in three spaces: features float32 [N, 768], keys unit [N, D]. The discriminant is the dataset's in any case."""
    groups = list(dataset.train_drawings_by_concept().values()) or [dataset.train_drawings()]
    rows = np.concatenate(groups)
    concept = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    matrix = discriminant.fit(discriminant.rms_normalised(dataset.features[rows]), concept, keys.shape[1])
    plain = discriminant.rms_normalised(features)
    return Spaces(keys, discriminant.unit(plain), discriminant.unit(plain @ matrix))


def best_slots(units: np.ndarray, questions: Questions) -> np.ndarray:
    """int64 [Q]: the slot that is nearest to the asked drawing."""
    return np.einsum("qkd,qd->qk", units[questions.taught], units[questions.asked]).argmax(1)


def question_kinds(dataset: Dataset) -> dict[str, np.ndarray]:
    """Pairs (taught, asked) int64 [n, 2] of each row of the table."""
    return {
        "held_out_family": dataset.held_out_pairs(),
        "known_other_names": dataset.known_pairs(),
        "line_art": dataset.hard_style_pairs(),
    }


def ways_row(
    every: Spaces, dataset: Dataset, questions: Questions, best: np.ndarray, exact: np.ndarray
) -> dict[str, Any]:
    """One cell of the table: shares with the slot's interval, beside the baselines on the same questions."""
    concept = dataset.concept[questions.asked]
    right = best == questions.answer
    low, high = interval(right, concept)
    lda, nearest = (best_slots(units, questions) == questions.answer for units in (every.lda, every.nearest))
    return {
        "slot": round(float(right.mean()), 4),
        "exact": round(float(exact.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "lda": round(float(lda.mean()), 4),
        "nearest": round(float(nearest.mean()), 4),
        "n": len(right),
        "concepts": len(np.unique(concept)),
    }


def many_row(units: np.ndarray, dataset: Dataset, slots: int, count: int, seed: int) -> dict[str, Any]:
    """Slot found among many: held-out and known things together, each taught once, asked with another artist's drawing."""
    pairs = np.concatenate([dataset.held_out_pairs(), dataset.known_pairs()])
    things = len(np.unique(dataset.concept[pairs[:, 0]])) if len(pairs) else 0
    if things < slots:
        return {"slot": None, "things": things}
    questions = make_questions(pairs, dataset.concept, slots, count, seed)
    right = best_slots(units, questions) == questions.answer
    low, high = interval(right, dataset.concept[questions.asked])
    return {"slot": round(float(right.mean()), 4), "low": round(low, 4), "high": round(high, 4), "n": count}
