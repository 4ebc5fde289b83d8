"""Property: the refusal tells what was taught from what was not, alone or among others; one thing is one memory."""

from __future__ import annotations

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.evaluation import refusal
from model.evaluation.life import Rules, SimulatedMemory, lives
from model.evaluation.machine import int8_units
from model.evaluation.unknown import make_strangers, measured, slot_keys, unknown_row


def _world(rng: np.random.Generator, things: int, views: int = 5, noise: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Unit keys of drawings that scatter around their thing, all of them near a common direction; (units, concept)."""
    centres = rng.normal(size=(things, 1, 32)) + 0.8 * rng.normal(size=(things, 1, 1))
    x = centres + noise * rng.normal(size=(things, views, 32))
    return int8_units(x.reshape(-1, 32)), np.repeat(np.arange(things), views)


def _pairs(concept: np.ndarray) -> np.ndarray:
    same = (concept[:, None] == concept[None]) & ~np.eye(len(concept), dtype=bool)
    return np.argwhere(same)


@pytest.fixture(scope="module")
def fitted() -> refusal.Refusal:
    units, concept = _world(np.random.default_rng(0), 80)
    others, thing = _world(np.random.default_rng(1), 100)
    cohort = refusal.cohort_of(others, [np.flatnonzero(thing == t) for t in range(100)])
    questions = make_strangers(_pairs(concept), concept, 16, 1500, seed=0)
    keys = slot_keys(units, questions.taught)
    return refusal.fit(
        *(measured(units, keys, asked, cohort) for asked in (questions.asked, questions.stranger)), cohort
    )


@pytest.mark.parametrize("ways", [16, 1])
def test_the_thresholds_hold_on_other_things(fitted: refusal.Refusal, ways: int) -> None:
    """Fitted on some things, measured on others: about 90 % of the taught are named, few of the others."""
    units, concept = _world(np.random.default_rng(2), 80)
    questions = make_strangers(_pairs(concept), concept, ways, 1500, seed=1)
    row, known, unknown = unknown_row(fitted, units, concept, questions)
    assert 0.84 < row["named"] < 0.97 and row["false_naming"] < 0.5 and row["false_known"] < 0.12
    assert row["auroc"] > 0.85 and row["low"] <= row["false_naming_at_90"] <= row["high"]
    assert row["false_naming_at_90"] == round(float((unknown >= np.quantile(known, 0.1)).mean()), 4)
    assert fitted.known >= fitted.perhaps


def test_three_views_refuse_better_than_one(fitted: refusal.Refusal) -> None:
    units, concept = _world(np.random.default_rng(3), 80)
    rows = [
        unknown_row(fitted, units, concept, make_strangers(_pairs(concept), concept, 16, 1500, 2, v))[0] for v in (1, 3)
    ]
    assert rows[1]["false_naming_at_90"] < rows[0]["false_naming_at_90"]


def test_strangers_are_strangers() -> None:
    _, concept = _world(np.random.default_rng(0), 40)
    for views in (1, 3):
        q = make_strangers(_pairs(concept), concept, 8, 200, 0, views)
        shown = concept[q.taught]
        assert (shown == shown[:, :, :1]).all() and (concept[q.asked] == shown[:, 0, 0]).all()
        assert not (q.taught == q.asked[:, None, None]).any()
        assert not (shown[:, :, 0] == concept[q.stranger][:, None]).any()
    with pytest.raises(BitmarError, match="40 concepts"):
        make_strangers(_pairs(concept), concept, 40, 5, 0)


def test_auroc_is_the_chance_to_exceed() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.normal(1, 1, 300), rng.normal(0, 1, 200)
    assert refusal.auroc(known, unknown) == pytest.approx((known[:, None] > unknown[None]).mean())


def test_saved_and_read_back(fitted: refusal.Refusal, tmp_path) -> None:
    refusal.save(tmp_path, fitted)
    again = refusal.load(tmp_path)
    np.testing.assert_allclose(again.weights, fitted.weights)
    assert again[1:5] == pytest.approx(fitted[1:5])
    assert (again.cohort * fitted.cohort).sum(1).min() > 0.999
    (tmp_path / refusal.COHORT_FILE).write_bytes(b"\0" * 7)
    with pytest.raises(BitmarError, match="not a refusal"):
        refusal.load(tmp_path)


def test_one_thing_is_one_memory() -> None:
    """The same name is one slot with the mean of its views; a view that is far away is a second slot, a third is merged."""
    rng = np.random.default_rng(0)
    memory = SimulatedMemory(4, Rules(same=0.0, cap=16, prototypes=2))
    centre = rng.normal(size=64)
    views = int8_units(centre + 0.5 * rng.normal(size=(9, 64)))
    for view in views:
        memory.teach("cup", view)
    assert len(memory.slots) == 1 and memory.slots[0].views == 9
    assert memory.slots[0].key @ int8_units(views.mean(0)[None])[0] > 0.995
    memory.teach("cup", int8_units(-centre[None])[0])
    memory.teach("cup", int8_units(-centre[None])[0])
    assert [slot.views for slot in memory.slots] == [9, 2]
    for name in "abc":
        memory.teach(name, int8_units(rng.normal(size=(1, 64)))[0])
    assert {slot.name for slot in memory.slots} == {"a", "b", "c"}  # the oldest thing went with both of its slots


def test_a_life_keeps_the_latest() -> None:
    units, concept = _world(np.random.default_rng(4), 60, noise=0.5)
    groups = [np.flatnonzero(concept == c) for c in range(60)]
    row = lives(units, groups, Rules(), 0, count=4)
    assert row["duplicates"] == 0 and row["latest_kept"] >= 0.8 and row["right"] > 0.9
