"""I don't know: whether the best slot's thing is the one that is asked for, from the device's own scores.

The cosine of a question and its best slot says little alone: some drawings are like everything. So both the question and the
best slot's key are also compared with a *cohort*, keys of training things that the model carries; what a stranger reaches
there is the measure of what a friend must exceed (score normalisation by cohorts: Auckenthaler et al., 2000, in speaker
verification). A logistic regression weighs the numbers. It needs neither other slots nor many: one taught thing is enough.

    x = bias + w_best * best + sum over the question and the best slot's key of
                 (w_top * mean of its 20 best cosines with the cohort + w_spread * their standard deviation
                  + w_all * mean of all its cosines with the cohort)
             + w_others * mean of the other slots' scores
    x >= known: known; x >= perhaps: perhaps; else unknown. An empty memory is always unknown.

With one slot the others' mean is `others_alone`, what it is on average in full memories.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.data.files import read_json, replacing, write_json
from model.discriminant import unit
from model.saved_run import REFUSAL

FILE, COHORT_FILE = REFUSAL
COHORT = 900
TOP = 20
RIDGE = 1e-3
NAMED = 0.9  # share of known things that get a name, surely or perhaps
SURE = 0.05  # share of unknown things that are called known
FEATURES = (
    "best",
    "question_top",
    "question_spread",
    "question_all",
    "key_top",
    "key_spread",
    "key_all",
    "others",
)


class Refusal(NamedTuple):
    """The criterion as it is stored beside the model: weights of FEATURES, bias, thresholds, cohort [N, D] of unit rows."""

    weights: np.ndarray
    bias: float
    others_alone: float
    known: float
    perhaps: float
    cohort: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """What refusal.json holds; the cohort is a file of its own, int8 [N, D]."""
        return {
            "weights": {name: float(w) for name, w in zip(FEATURES, self.weights, strict=True)},
            "bias": self.bias,
            "others_alone": self.others_alone,
            "known": self.known,
            "perhaps": self.perhaps,
            "top": TOP,
            "cohort": len(self.cohort),
        }


def cohort_of(keys: np.ndarray, things: list[np.ndarray], size: int = COHORT, seed: int = 0) -> np.ndarray:
    """The mean keys (unit rows) of `size` of the things, evenly at random. keys: unit [N, D]; things: rows of each."""
    chosen = np.random.default_rng(seed).permutation(len(things))[:size]
    return unit(np.stack([keys[things[thing]].mean(0) for thing in chosen]))


def beside_cohort(units: np.ndarray, cohort: np.ndarray) -> list[np.ndarray]:
    """Mean and standard deviation of the TOP best cosines of each row with the cohort, and the mean of all; float [Q] each."""
    cosines = units @ cohort.T
    top = min(TOP, cosines.shape[1])
    best = np.partition(cosines, cosines.shape[1] - top, axis=1)[:, -top:]
    return [best.mean(1), best.std(1), cosines.mean(1)]


def features(scores: np.ndarray, queries: np.ndarray, best_keys: np.ndarray, cohort: np.ndarray) -> np.ndarray:
    """float [Q, 8]: scores [Q, K] of all slots, queries and best slots' keys unit [Q, D]; others is NaN where K is 1."""
    best = scores.max(1)
    others = (scores.sum(1) - best) / (scores.shape[1] - 1) if scores.shape[1] > 1 else np.full(len(best), np.nan)
    return np.stack([best, *beside_cohort(queries, cohort), *beside_cohort(best_keys, cohort), others], 1)


def decide(refusal: Refusal, x: np.ndarray) -> np.ndarray:
    """The criterion's value for `features`: float [Q]."""
    x = np.where(np.isnan(x), refusal.others_alone, x)
    return x @ refusal.weights + refusal.bias


def fit(known: np.ndarray, unknown: np.ndarray, cohort: np.ndarray) -> Refusal:
    """Logistic regression (Newton's method, a small ridge) and the two thresholds, from `features` of both kinds."""
    x, y = np.concatenate([known, unknown]), np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    mean, spread = x.mean(0), x.std(0) + 1e-9
    design = np.c_[(x - mean) / spread, np.ones(len(x))]
    w = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ w))
        gradient = design.T @ (p - y) / len(y) + RIDGE * w
        hessian = (design * (p * (1 - p))[:, None]).T @ design / len(y) + RIDGE * np.eye(len(w))
        w -= np.linalg.solve(hessian, gradient)
    weights, bias = w[:-1] / spread, float(w[-1] - (w[:-1] * mean / spread).sum())
    refusal = Refusal(weights, bias, float(mean[-1]), 0.0, 0.0, cohort)
    values = decide(refusal, known), decide(refusal, unknown)
    perhaps = float(np.quantile(values[0], 1 - NAMED))
    known_from = max(perhaps, float(np.quantile(values[1], 1 - SURE)))
    return refusal._replace(known=known_from, perhaps=perhaps)


def false_naming(known: np.ndarray, unknown: np.ndarray, named: float = NAMED) -> float:
    """Share of unknown things that get a name where the threshold names `named` of the known ones."""
    return float((unknown >= np.quantile(known, 1 - named)).mean())


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Chance that a known thing's value exceeds an unknown one's (Hanley and McNeil, 1982)."""
    ranks = np.concatenate([known, unknown]).argsort(kind="stable").argsort() + 1
    n, m = len(known), len(unknown)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def save(folder: Path, refusal: Refusal) -> None:
    """refusal.json and cohort.bin (int8 [N, D]: unit rows x 127) into a run's folder."""
    with replacing(folder / COHORT_FILE) as temporary:
        largest = np.abs(refusal.cohort).max(1, keepdims=True)
        temporary.write_bytes(np.rint(refusal.cohort * (127 / largest)).astype(np.int8).tobytes())
    write_json(folder / FILE, refusal.as_dict())


def load(folder: Path) -> Refusal:
    """What `save` wrote. BitmarError where a file is missing or is not what it should be."""
    values = read_json(folder / FILE, "pipeline.py train")
    try:
        raw = (folder / COHORT_FILE).read_bytes()
        rows = np.frombuffer(raw, np.int8).reshape(int(values["cohort"]), -1).astype(np.float64)
        weights = np.array([float(values["weights"][name]) for name in FEATURES])
        numbers = [float(values[name]) for name in ("bias", "others_alone", "known", "perhaps")]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BitmarError(f"{folder / FILE}: not a refusal with its {COHORT_FILE} ({error})") from None
    return Refusal(weights, *numbers, unit(rows))
