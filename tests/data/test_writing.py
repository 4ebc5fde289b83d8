"""Property: the texts as people write them are names that a slot can be labelled with, of every kind, and always the same."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

from model.data.build import Builder
from model.data.packages import EMOJIBASE, FAKER, WORDNET
from model.data.tokenizers import normalise
from model.data.writing import english, mix, scripts
from model.data.writing.capitals import capitals
from model.data.writing.codes import FORMS, codes
from model.data.writing.people import full_name, read_locales
from model.data.writing.punctuation import possessive


def test_names_are_read_as_data(small: Builder) -> None:
    """Tuples, dictionaries with weights and sums are read; romanised names and patterns are not; no code of the package runs."""
    locales = {locale.code: locale for locale in read_locales(small.packages[FAKER])}
    assert list(locales) == ["de_DE", "ja_JP", "xx_XX"]  # yy_YY has no first names
    assert set(locales["de_DE"].first) == {"Ada", "Jörg", "Emil"} and locales["de_DE"].last == ("König",)
    assert locales["ja_JP"].first == ("明美",) and locales["xx_XX"].first == locales["xx_XX"].last == ("Bo", "Cy")
    r = random.Random(0)
    assert {full_name(locales["ja_JP"], r) for _ in range(50)} == {"明美", "佐藤明美", "佐藤"}
    assert "Jörg König" in {full_name(locales["de_DE"], r) for _ in range(200)}


def test_every_text_is_a_name(small: Builder) -> None:
    made = mix.read(small.data_dir)
    assert tuple(made) == mix.KINDS
    for kind, texts in made.items():
        assert texts == tuple(sorted(set(texts))), kind
        assert len(texts) > (3 if kind in ("person", "labels") else 30), kind
        for text in texts:
            assert 0 < len(text.encode()) <= 63 and normalise(text) == text, text
            assert all(unicodedata.category(c) not in ("Cc", "Cs", "Co") for c in text), text
    assert "собака" in {text.lower() for text in made["labels"]}
    packages = [small.packages[source] for source in (FAKER, EMOJIBASE, WORDNET)]
    phrases = (small.data_dir / "phrases.txt").read_text().splitlines()
    again = mix.make(phrases, *packages)
    assert {kind: tuple(texts) for kind, texts in again.items()} == made
    assert mix.make(phrases, *packages, seed=1)["codes"] != again["codes"]


def test_kinds_are_what_they_say() -> None:
    r = random.Random(0)
    words = ["apple", "river"]
    assert len({form for form in FORMS}) == 10
    assert sum(any(c.isdigit() for c in text) for text in codes(words, r, 1000)) > 800
    cased = capitals(words, ("Haus",), r, 1000)
    assert sum(text.isupper() for text in cased) > 350 and sum(text.istitle() for text in cased) > 200
    assert all("'" in text or "’" in text for text in (possessive(["Ada"], words, r) for _ in range(200)))
    written = scripts.scripts(["Ada"], r, 3000)
    names = {unicodedata.name(c, "?").split()[0] for text in written for c in text}
    assert {"ARABIC", "HEBREW", "THAI", "CJK", "HANGUL", "DEVANAGARI", "GREEK", "CYRILLIC", "HIRAGANA"} <= names
    texts = english.stretches(["one two three four five six seven eight nine ten eleven twelve thirteen"], r, 500)
    assert all(len(text) <= 63 for text in texts) and {len(text) // 20 for text in texts} == {0, 1, 2, 3}


def test_wordnets_sentences(small: Builder) -> None:
    sentences = english.read_sentences(Path(small.packages[WORDNET]))
    assert "morning light" in sentences and "an example" in sentences and not any(";" in s for s in sentences)
