"""Noun phrases and glosses from WordNet 3.0 (format: its manual page wndb(5))."""

from __future__ import annotations

import re
from pathlib import Path

from model.data.names import normalise

PHRASE = re.compile(r"[a-z ]{3,32}")
FOLDER = Path("usr/share/wordnet")


def _index_lines(wordnet: Path) -> list[list[str]]:
    lines = (wordnet / FOLDER / "index.noun").read_text("latin-1").splitlines()
    return [line.split() for line in lines if not line.startswith(" ")]  # the licence stands in indented lines


def noun_phrases(wordnet: Path) -> list[str]:
    """Nouns and noun phrases of 3 to 32 letters and spaces, in alphabetical order."""
    phrases = (fields[0].replace("_", " ") for fields in _index_lines(wordnet))
    return sorted({phrase for phrase in phrases if PHRASE.fullmatch(phrase)})


def glosses(wordnet: Path, names: list[str]) -> dict[str, str]:
    """{name: definition of its most frequent sense} for those names that WordNet has as a noun."""
    wanted = set(names)
    offsets = {}
    for fields in _index_lines(wordnet):
        name = normalise(fields[0].replace("_", " "))
        if name in wanted:
            pointers = int(fields[3])
            offsets.setdefault(name, int(fields[4 + pointers + 2]))
    found = {}
    with (wordnet / FOLDER / "data.noun").open("rb") as data:
        for name, offset in offsets.items():
            data.seek(offset)
            gloss = data.readline().decode("latin-1").partition("|")[2]
            found[name] = normalise(re.split(r'[;"]', gloss)[0])
    return {name: gloss for name, gloss in found.items() if gloss}
