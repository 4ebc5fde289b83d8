"""What pictograms are called in some thirty languages, and the pictograms as characters."""

from __future__ import annotations

import json
import random
import tarfile
from pathlib import Path
from typing import NamedTuple

MORE = (  # blocks of symbols beside the pictograms
    (0x1F300, 0x1F64F),
    (0x1F680, 0x1F6FF),
    (0x1F900, 0x1F9FF),
    (0x2600, 0x27BF),
    (0x1FA70, 0x1FAFF),
    (0x2190, 0x21FF),
    (0x2B00, 0x2B55),
)


class Labels(NamedTuple):
    """labels: names and tags in all languages; emoji: the characters, with one skin tone each."""

    labels: tuple[str, ...]
    emoji: tuple[str, ...]


def read_labels(emojibase: Path, r: random.Random) -> Labels:
    """Every label and one tag of each; 40 in 100 with capitals."""
    labels, emoji = [], []
    with tarfile.open(emojibase) as archive:
        members = sorted((m for m in archive if m.name.endswith("/compact.json")), key=lambda m: m.name)
        for member in members:
            file = archive.extractfile(member)
            assert file is not None
            for entry in json.load(file):
                labels += [entry["label"], *r.sample(entry.get("tags", []), min(1, len(entry.get("tags", []))))]
                if member.name.split("/")[-2] == "en":
                    emoji += [entry["unicode"], *(skin["unicode"] for skin in entry.get("skins", [])[:1])]
    cased = [x if (k := r.random()) < 0.6 else x.capitalize() if k < 0.88 else x.upper() for x in labels]
    return Labels(tuple(cased), tuple(emoji))


def emoji_texts(source: Labels, phrases: list[str], people: list[str], r: random.Random, count: int) -> list[str]:
    """The characters alone, several, repeated, and beside words."""

    def one() -> str:
        return r.choice(source.emoji) if r.random() < 0.85 else chr(r.randint(*r.choice(MORE)))

    texts = list(source.emoji)
    for _ in range(count):
        e, k = one(), r.random()
        if k < 0.25:
            text = e + one()
        elif k < 0.35:
            text = e + one() + one()
        elif k < 0.45:
            text = e * r.randint(2, 4)
        elif k < 0.65:
            text = f"{e} {r.choice(phrases)}"
        elif k < 0.82:
            text = f"{r.choice(phrases)} {e}"
        elif k < 0.92:
            text = f"{r.choice(people)} {e}"
        else:
            text = f"{e} {r.choice(source.labels)}"
        texts.append(text)
    return texts
