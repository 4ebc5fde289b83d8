"""Property: the slot of a taught name is found by it, whatever else is there; a mistyped one as Levenshtein's distance says."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.say import distance
from tests.memstore import native as n

DIM = 16
EPISODE = np.zeros(DIM, np.float32)
WORDS = st.text(
    st.characters(max_codepoint=0x4FF, exclude_categories=["Cs", "Cc"]) | st.sampled_from("аБвГΣσςéÉ日本😀"),
    min_size=1,
    max_size=12,
)


# what memstore/src/similar.c folds: Basic Latin to Extended-A, Greek, Cyrillic; without the long s
FOLDED = [range(0x41, 0x17F), range(0x386, 0x3AC), range(0x3C2, 0x3C3), range(0x400, 0x4C0), range(0x4D0, 0x500)]


def folded(text: str) -> str:
    """Simple case folding, one character to one."""
    return "".join(small(c) or c for c in text)


def small(letter: str) -> str | None:
    """The one small letter of a capital that is folded."""
    fold = letter.casefold()
    known = any(ord(letter) in block for block in FOLDED) and letter != "\u00b5"
    return fold if known and len(fold) == 1 and fold != letter else None


def expected(text: str, names: list[str]) -> int:
    if text in names:
        return names.index(text)
    found = []
    for i, name in enumerate(names):
        edits, length = distance(folded(text), folded(name)), max(len(text), len(name))
        if 100 * edits <= 34 * length:
            found.append((edits / length, i))
    return min(found)[1] if found else n.NOT_FOUND


@pytest.fixture(scope="module")
def memory():
    with n.opened(None, n.config(8, DIM, 8)) as opened:
        yield opened


def fill(memory: n.Memory, names: list[str]) -> list[str]:
    for name in set(memory.names().values()):
        memory.call("forget", name.encode(), None)
    for i, name in enumerate(names):
        memory.teach(name, EPISODE, np.eye(DIM, dtype=np.float32)[i])
    return list(memory.names().values())


@settings(max_examples=300, deadline=None)
@given(names=st.lists(WORDS, min_size=1, max_size=6, unique=True), seed=st.integers(0, 2**32 - 1), text=WORDS)
def test_it_is_levenshteins_distance(memory: n.Memory, names: list[str], seed: int, text: str) -> None:
    r, names = random.Random(seed), fill(memory, names)
    letters = list(r.choice(names))
    for _ in range(r.randrange(3)):
        at = r.randrange(len(letters) + 1)
        letters[at : at + r.randrange(2)] = [r.choice("abcX ")]
    for asked in (text, "".join(letters), *names):
        assert memory.call_any("find_similar", asked.encode()) == expected(asked, names), asked


def test_every_capital_is_its_small_letter(memory: n.Memory) -> None:
    capitals = [chr(code) for block in FOLDED for code in block if small(chr(code))]
    assert len(capitals) > 250
    for capital in capitals:
        fill(memory, [f"x{small(capital)}"])
        assert memory.call_any("find_similar", f"x{capital}".encode()) == 0, capital


def test_broken_utf8_and_long_texts_are_only_unlike(memory: n.Memory) -> None:
    fill(memory, ["banana", "x" * 63])
    for text in (b"\xff\xfe\xc3", b"\xf0\x9f", b"y" * 5000):
        assert memory.call_any("find_similar", text) == n.NOT_FOUND
    assert memory.call_any("find_similar", b"banan\xff") == 0 and memory.call_any("find_similar", b"x" * 70) == 1


def test_of_several_alike_names_the_one_with_the_fewest_edits() -> None:
    with n.opened(None, n.config(6, DIM, 6)) as memory:
        for i, name in enumerate(("cup of tea", "cup of teas", "cup of two", "cup on tea", "a fork")):
            memory.teach(name, EPISODE, np.eye(DIM, dtype=np.float32)[i])
        for text, slot in (
            ("cup of te", 0),
            ("cup of teass", 1),
            ("cup of twoo", 2),
            ("cup oo tea", 0),
            ("forks", None),
        ):
            found = memory.call_any("find_similar", text.encode())
            assert found == (n.NOT_FOUND if slot is None else slot), text
