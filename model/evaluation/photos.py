"""Photographed things in front of backgrounds: is a thing found that was taught by one, or three, other pictures of it?"""

from __future__ import annotations

from typing import Any

import numpy as np

from model import discriminant
from model.data.dataset import Dataset
from model.data.features import Features
from model.data.photos import CAMERA, VIEWS
from model.evaluation.bootstrap import interval
from model.evaluation.machine import Machine, int8_units
from model.evaluation.questions import Questions, make_questions
from model.evaluation.ways import Spaces, best_slots, spaces

WAYS = 16
CUTOUT, ASKED, FIRST_SAME = 0, 2, 1 + CAMERA
# row: views that are taught (their mean where there are several), view that is asked
ROWS = {
    "camera_camera": ((1,), ASKED),
    "camera_camera_3_views": ((1, 3, 4), ASKED),
    "cutout_camera": ((CUTOUT,), ASKED),
    "same_background": ((FIRST_SAME,), FIRST_SAME + 1),
}


def photo_rows(machine: Machine, dataset: Dataset, photos: Features, count: int, seed: int) -> dict[str, Any]:
    """{row: {"slot", "low", "high", "nearest", "lda", "n", "things"}}; `n` questions of 16 ways, intervals over things."""
    plain = photos.q.astype(np.float32) * photos.scale[:, None]
    keys = int8_units(machine.encode([[] for _ in plain], plain).key)
    views = Spaces(*(space.reshape(len(space) // VIEWS, VIEWS, -1) for space in spaces(dataset, plain, keys)))
    return {name: _row(views, *row, count, seed) for name, row in ROWS.items()}


def _row(views: Spaces, taught: tuple[int, ...], asked: int, count: int, seed: int) -> dict[str, Any]:
    """views: unit [things, VIEWS, .] in each space."""
    things = len(views.keys)
    thing = np.tile(np.arange(things), 2)
    pairs = np.arange(2 * things).reshape(2, things).T  # taught ones first, then asked ones
    questions = make_questions(pairs, thing, WAYS, count, seed)
    right = Spaces(*(_right(space, taught, asked, questions) for space in views))
    low, high = interval(right.keys, thing[questions.asked])
    shares = {"slot": right.keys.mean(), "low": low, "high": high, "nearest": right.nearest.mean()}
    rounded = {key: round(float(share), 4) for key, share in (shares | {"lda": right.lda.mean()}).items()}
    return rounded | {"n": count, "things": things}


def _right(space: np.ndarray, taught: tuple[int, ...], asked: int, questions: Questions) -> np.ndarray:
    """bool [Q]: is the slot of the asked thing the nearest?"""
    rows = np.concatenate([discriminant.unit(space[:, taught].mean(1)), space[:, asked]])
    return best_slots(rows, questions) == questions.answer
