"""Stretches of English of every length up to the longest name: WordNet's definitions and examples."""

from __future__ import annotations

import random
from pathlib import Path

from model.data.text import FOLDER

LONGEST = 63  # bytes


def read_sentences(wordnet: Path) -> list[str]:
    """Definitions and examples of all nouns."""
    sentences = []
    for line in (wordnet / FOLDER / "data.noun").read_text("latin-1").splitlines():
        if not line.startswith(" "):  # the licence stands in indented lines
            gloss = line.partition("|")[2].replace(";", '"')
            sentences += [part for part in map(str.strip, gloss.split('"')) if len(part) > 5]
    return sentences


def stretch(sentence: str, size: int, r: random.Random) -> str:
    """Whole words of a sentence, from its start or from within, at most `size` characters."""
    words = sentence.split()
    text = ""
    for word in words[r.randrange(max(1, len(words) - 3)) if r.random() < 0.5 else 0 :]:
        if len(text) + 1 + len(word) > size:
            break
        text = f"{text} {word}".strip()
    return text


def stretches(sentences: list[str], r: random.Random, count: int, least: int = 12) -> list[str]:
    """Stretches of `least` to 63 characters, some with a capital or a full stop."""
    texts = []
    for _ in range(count):
        text = stretch(r.choice(sentences), r.randint(least, LONGEST), r)
        if r.random() < 0.1:
            text = text[:1].upper() + text[1:]
        if r.random() < 0.05:
            text = text[: LONGEST - 1] + r.choice(".!,")
        if len(text) > 7:
            texts.append(text)
    return texts
