"""Property: test names are never trained on and of their kind; what is confirmed is what greedy decoding says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from model.data.dataset import Dataset
from model.data.families import family_of
from model.data.splits import is_test_text
from model.data.writing.mix import is_name
from model.evaluation.bootstrap import interval
from model.evaluation.decode import GreedyDecoder
from model.evaluation.machine import KerasMachine
from model.evaluation.names import KINDS, unseen_names
from model.evaluation.say import distance, find_label, mistyped, say_row

WORDS = [f"{a}{b}" for a in ("ap", "bri", "can", "don", "fea") for b in ("ple", "dge", "key")]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Texts alone: enough of them that one in twenty makes names."""
    r = random.Random(0)
    phrases = tuple(sorted({" ".join(r.choice(WORDS) for _ in range(r.randint(1, 4))) for _ in range(4000)}))
    letters = "абвгдежзиклмн"
    writing = {
        "person": tuple(sorted({"".join(r.choice(letters) for _ in range(6)).title() for _ in range(2000)})),
        "labels": tuple(sorted({"".join(r.choice(letters) for _ in range(9)) for _ in range(2000)})),
        "emoji": tuple(sorted({f"\U0001f436 {phrase}" for phrase in phrases[:2000]})),
        "english": tuple(
            sorted({f"a {p} that was lost in the {q}" for p, q in zip(phrases, phrases[::-1], strict=True)})
        ),
    }
    none = np.zeros(0, np.int32)
    pictures = (np.zeros((0, 768), np.int8), np.zeros(0))
    views = (np.zeros((0, 2), np.int32), *pictures)
    return Dataset("final", (), (), (), (), none, none, *pictures, phrases, writing, *views)


def test_names_are_of_their_kind_and_held_out(dataset: Dataset) -> None:
    names = unseen_names(dataset, 60, seed=1)
    assert tuple(names) == KINDS
    everything = [name for kind in names.values() for name in kind]
    assert all(is_test_text(name) and is_name(name) for name in everything)
    assert all(len(set(kind)) == len(kind) == 60 for kind in names.values())
    assert all(name == name.upper() for name in names["upper"])
    assert all(40 <= len(name.encode()) <= 63 for name in names["long"])
    assert all(not any(c.isascii() and c.isalpha() for c in name) for name in names["non_latin"])
    assert all(sum(c.isdigit() for c in name) >= 2 for name in names["digits"])
    assert all("'" in name or "’" in name for name in names["possessive"])
    assert unseen_names(dataset, 60, seed=1) == names != unseen_names(dataset, 60, seed=2)


def test_one_text_in_twenty_is_for_tests_whatever_its_case() -> None:
    texts = [f"thing number {i}" for i in range(20_000)]
    share = np.mean([is_test_text(text) for text in texts])
    assert 0.045 < share < 0.055
    assert all(is_test_text(text) == is_test_text(text.upper()) == is_test_text(text.title()) for text in texts[:500])


def test_near_twins_are_one_family() -> None:
    assert family_of("man climbing") == family_of("woman climbing") == family_of("person climbing")
    assert family_of("red heart") == family_of("light blue heart") and family_of("dog") == family_of("dog face")
    assert family_of("two thirty") == family_of("eleven oclock") != family_of("old man") == family_of("girl")
    assert family_of("hot dog") != family_of("dog") and family_of("strawberry") == "strawberry"


def test_confirmed_is_what_greedy_decoding_says(small_model) -> None:
    """Its own greedy answers are confirmed where they end, the same with one token changed or left out are not."""
    c = small_model.config
    rng = np.random.default_rng(0)
    context = rng.normal(size=(800, c.episode_dim)).astype(np.float32) * 3
    latent = np.zeros((800, c.vision_latent_size), np.float32)
    ids = GreedyDecoder(small_model)(context, latent)
    ended = np.flatnonzero((ids == c.eos_id).any(1) & (ids[:, 0] != c.eos_id))
    assert len(ended) > 5
    machine = KerasMachine(small_model, type("Pad", (), {"pad": c.pad_id})())
    said = [row[: row.tolist().index(c.eos_id)].tolist() for row in ids[ended]]
    lengths = np.array([len(text) for text in said])
    assert (machine.right_tokens(context[ended], said) == lengths + 1).all()
    changed = [[*text[:-1], text[-1] + 1 if text[-1] != c.eos_id - 1 else 5] for text in said]
    assert (machine.right_tokens(context[ended], changed) < lengths).all()
    assert (machine.right_tokens(context[ended], [text[:-1] for text in said]) == lengths - 1).all()


def test_say_finds_labels() -> None:
    assert distance("kitten", "sitting") == 3 and distance("", "abc") == 3 and distance("flaw", "lawn") == 2
    labels = ["grandma's cup", "Grandma", "cup", "bicycle"]
    assert [find_label(label, labels) for label in labels] == [0, 1, 2, 3]
    assert find_label("grandmas cup", labels) == 0 and find_label("bycicle", labels) == 3
    assert find_label("a completely other thing", labels) is None and find_label("x", []) is None
    row = say_row([f"{a} {b}" for a in WORDS for b in WORDS], 16, 300, 0)
    assert row["found"] == 1.0 and row["mistyped"] > 0.8
    r = random.Random(1)
    assert all(distance(word, mistyped(word, r)) <= 2 for word in WORDS)


def test_intervals_cover_and_widen_with_clusters() -> None:
    """Questions about few things are worth less than as many about different things."""
    rng = np.random.default_rng(0)
    inside = []
    for seed in range(200):
        hard = rng.random(60)
        concept = rng.integers(0, 60, 1000)
        low, high = interval(rng.random(1000) < hard[concept], concept, seed)
        inside.append(low <= 0.5 <= high)
    assert np.mean(inside) > 0.88
    right = np.repeat(rng.random(20) < 0.5, 50)
    few = np.subtract(*interval(right, np.repeat(np.arange(20), 50))[::-1])
    many = np.subtract(*interval(right, np.arange(1000))[::-1])
    assert few > 3 * many
    assert interval(np.zeros(0), np.zeros(0, int)) == (0.0, 1.0)
