"""Known and unknown things in front of a memory: how often each gets a name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.discriminant import unit
from model.evaluation import refusal
from model.evaluation.bootstrap import interval


class Strangers(NamedTuple):
    """Q memories of K slots. taught int64 [Q, K, views] drawings; asked: another drawing of slot 0's thing; stranger: of none."""

    taught: np.ndarray
    asked: np.ndarray
    stranger: np.ndarray


def make_strangers(
    pairs: np.ndarray, concept: np.ndarray, ways: int, count: int, seed: int, views: int = 1
) -> Strangers:
    """Seeded: pairs int64 [n, 2] (taught, asked) of one concept each. More views: other drawings than the asked one."""
    rng = np.random.default_rng((seed, ways, views))
    pairs = pairs[np.argsort(concept[pairs[:, 0]], kind="stable")]
    _, starts, counts = np.unique(concept[pairs[:, 0]], return_index=True, return_counts=True)
    if len(starts) <= ways:
        raise BitmarError(f"evaluation: {len(starts)} concepts have two drawings, expected more than {ways}")
    taught = np.empty((count, ways, views), np.int64)
    asked, stranger = np.empty(count, np.int64), np.empty(count, np.int64)
    for q in range(count):
        things = rng.permutation(len(starts))[: ways + 1]
        for k, thing in enumerate(things):
            own = pairs[starts[thing] : starts[thing] + counts[thing]]
            one = own[rng.integers(len(own))]
            if k == ways:
                stranger[q] = one[1]
                continue
            others = np.unique(own[own[:, 1] == one[1], 0])
            taught[q, k] = one[0] if views == 1 else np.resize(rng.permutation(others)[:views], views)
            if k == 0:
                asked[q] = one[1]
    return Strangers(taught, asked, stranger)


def slot_keys(units: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """Keys of slots taught with several views, their mean: unit [N, D], int [Q, K, views] -> unit [Q, K, D]."""
    return unit(units[taught].mean(2))


def measured(units: np.ndarray, keys: np.ndarray, asked: np.ndarray, cohort: np.ndarray) -> np.ndarray:
    """`refusal.features` of Q questions: unit keys of all drawings [N, D], of the slots [Q, K, D], asked int [Q]."""
    scores = np.einsum("qkd,qd->qk", keys, units[asked])
    return refusal.features(scores, units[asked], keys[np.arange(len(asked)), scores.argmax(1)], cohort)


def unknown_row(
    criterion: refusal.Refusal, units: np.ndarray, concept: np.ndarray, questions: Strangers
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """(false naming where 90 % of the known are named, and at the stored thresholds; values of known; of unknown)."""
    keys = slot_keys(units, questions.taught)
    known, unknown = (
        refusal.decide(criterion, measured(units, keys, asked, criterion.cohort))
        for asked in (questions.asked, questions.stranger)
    )
    threshold = np.quantile(known, 1 - refusal.NAMED)
    low, high = interval(unknown >= threshold, concept[questions.stranger])
    row = {
        "false_naming_at_90": round(refusal.false_naming(known, unknown), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "auroc": round(refusal.auroc(known, unknown), 4),
        "named": round(float((known >= criterion.perhaps).mean()), 4),
        "false_naming": round(float((unknown >= criterion.perhaps).mean()), 4),
        "false_known": round(float((unknown >= criterion.known).mean()), 4),
        "n": len(known),
    }
    return row, known, unknown
