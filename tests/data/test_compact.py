"""Property: what stands in arrays instead of objects is what the objects would be."""

from __future__ import annotations

import numpy as np
import pytest

from model.data.concepts import Concept
from model.data.dataset import HARD_STYLE, NEW_STYLE, TRAIN, Dataset
from model.data.groups import Groups, sizes_of
from model.data.strings import Strings
from model.training.token_rows import TokenRows


def test_texts_are_those_that_went_in() -> None:
    rng = np.random.default_rng(0)
    texts = ["", *("aé中😀"[i] * int(n) for i, n in zip(rng.integers(0, 4, 300), rng.integers(0, 5, 300), strict=True))]
    strings = Strings(iter(texts))
    assert list(strings) == texts and strings[3:9] == texts[3:9] and strings[-1] == texts[-1]
    first, index = strings.distinct()
    names = list(dict.fromkeys(texts))
    assert list(strings.select(first)) == names
    assert index.tolist() == [names.index(text) for text in texts] and index.dtype == np.int32
    assert list(Strings()) == [] and [len(part) for part in Strings().distinct()] == [0, 0]


def test_groups_and_token_rows() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 6, 50)
    parts = [rng.integers(3, 900, n) for n in sizes]
    groups = Groups(np.concatenate(parts).astype(np.uint16), sizes)
    for got, expected in zip(groups, parts, strict=True):
        assert got.tolist() == expected.tolist()
    assert sizes_of(groups).tolist() == sizes_of(parts).tolist() == sizes.tolist()
    chosen = rng.permutation(50)[:20]
    assert [g.tolist() for g in groups.select(chosen)] == [parts[i].tolist() for i in chosen]
    rows = TokenRows(groups, 8, 1)
    padded = np.array([[*part, *[1] * (8 - len(part))] for part in parts], np.int32)
    both = rows.together([rows.select(sizes > 2)])
    for got, expected in (
        (rows[:], padded),
        (rows[chosen], padded[chosen]),
        (np.array(list(rows)), padded),
        (rows.select(chosen)[3:5], padded[chosen][3:5]),
        (both[:], np.concatenate([padded, padded[sizes > 2]])),
    ):
        assert got.dtype == np.int32
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_all_of_one_thing_by_different_artists(seed: int) -> None:
    """By their definition: each taught drawing, in order, with each asked drawing of its concept, in order."""
    rng = np.random.default_rng(seed)
    artists, roles = ("x", "y", "x", "z", "y"), (TRAIN, TRAIN, NEW_STYLE, HARD_STYLE, NEW_STYLE)
    concepts = tuple(Concept(str(i), f"thing {i}", (), "", "", str(i), bool(i % 3 == 0)) for i in range(12))
    concept, sets = rng.integers(0, 12, 150).astype(np.int32), rng.integers(0, 5, 150).astype(np.int32)
    q, none = np.zeros((150, 1), np.int8), np.zeros((150, 0), np.int32)
    dataset = Dataset(
        "final", concepts, tuple("abcde"), roles, artists, concept, sets, q, np.ones(150), (), {}, none, q, np.ones(1)
    )
    role = dataset.role
    for found, held_out, taught, asked in (
        (dataset.known_pairs(), False, [TRAIN], [NEW_STYLE]),
        (dataset.held_out_pairs(), True, [TRAIN, NEW_STYLE], [TRAIN, NEW_STYLE]),
        (dataset.hard_style_pairs(), True, [TRAIN, NEW_STYLE], [HARD_STYLE]),
    ):
        assert found.tolist() == [
            [a, b]
            for a in range(150)
            for b in range(150)
            if concept[a] == concept[b]
            and concepts[concept[a]].held_out == held_out
            and role[a] in taught
            and role[b] in asked
            and artists[sets[a]] != artists[sets[b]]
        ]
    groups = dataset.train_drawings_by_concept(1)
    drawn = [i for i in range(150) if role[i] == TRAIN and not concepts[concept[i]].held_out]
    expected: dict[int, list[int]] = {}
    for i in drawn:
        expected.setdefault(int(concept[i]), []).append(i)
    assert list(groups) == list(expected) and {c: rows.tolist() for c, rows in groups.items()} == expected
