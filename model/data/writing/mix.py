"""All kinds of writing together: lists of texts, made once by `pipeline.py data`, the same for the same packages."""

from __future__ import annotations

import random
from pathlib import Path

from bitmar.errors import BitmarError
from model.data.files import read_json, write_json
from model.data.tokenizers import normalise
from model.data.writing.capitals import capitals
from model.data.writing.codes import codes
from model.data.writing.english import read_sentences, stretches
from model.data.writing.labels import emoji_texts, read_labels
from model.data.writing.people import latin_first_names, people, read_locales
from model.data.writing.punctuation import punctuation
from model.data.writing.scripts import scripts

KINDS = ("person", "labels", "emoji", "capitals", "codes", "punctuation", "scripts", "english")
FILE = "writing.json"
EACH = 40_000  # texts of a kind
JOINERS = "\u200c\u200d"  # zero-width: in families of emoji, in Persian and Indic words
NAME_BYTES = 63  # a slot's label holds no more


def make(phrases: list[str], faker: Path, emojibase: Path, wordnet: Path, seed: int = 0) -> dict[str, list[str]]:
    """{kind: texts}, each text once, white space normalised, at most 63 bytes of UTF-8, no control characters."""
    r = random.Random(seed)
    locales = read_locales(faker)
    first_names, persons = latin_first_names(locales), people(locales, r)
    labels = read_labels(emojibase, r)
    words = sorted({word for phrase in phrases for word in phrase.split()})
    made = {
        "person": persons,
        "labels": labels.labels,
        "emoji": emoji_texts(labels, phrases, persons, r, EACH // 2),
        "capitals": capitals(phrases, labels.labels, r, EACH),
        "codes": codes(words, r, EACH),
        "punctuation": punctuation(phrases, words, first_names, r, EACH),
        "scripts": scripts(first_names, r, EACH),
        "english": stretches(read_sentences(wordnet), r, 2 * EACH),
    }
    return {kind: sorted({text for text in map(normalise, made[kind]) if is_name(text)}) for kind in KINDS}


def is_name(text: str) -> bool:
    """True if a slot can be labelled with the text: 1 to 63 bytes of UTF-8, printable (joiners within emoji are)."""
    printable = all(c.isprintable() or c in JOINERS for c in text)
    return printable and 0 < len(text.encode()) <= NAME_BYTES


def write(path: Path, texts: dict[str, list[str]]) -> None:
    """writing.json, whole or not at all."""
    write_json(path, texts)


def read(data_dir: Path) -> dict[str, tuple[str, ...]]:
    """What `make` made, from a data folder. BitmarError if it is missing or something else."""
    path = data_dir / FILE
    made = read_json(path)
    lists = isinstance(made, dict) and set(made) == set(KINDS) and all(isinstance(made[kind], list) for kind in KINDS)
    if not lists or not all(isinstance(text, str) for kind in KINDS for text in made[kind]):
        raise BitmarError(f"{path}: expected lists of texts: {', '.join(KINDS)}; run `pipeline.py data` again")
    return {kind: tuple(made[kind]) for kind in KINDS}
