"""`say`: a taught name finds its slot, by the labels first (exactly, then by edit distance), by the text's query last."""

from __future__ import annotations

import random

MOST_EDITS = 0.34  # of the longer text's characters: beyond it two names have little in common


def distance(a: str, b: str) -> int:
    """Levenshtein's distance in characters (1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def find_label(text: str, labels: list[str]) -> int | None:
    """The label that is the text, else the nearest without regard to case, if near enough; ties: the first."""
    if text in labels:
        return labels.index(text)
    folded = text.casefold()
    near = [distance(folded, label.casefold()) / max(len(text), len(label), 1) for label in labels]
    best = min(range(len(labels)), key=near.__getitem__, default=None)
    return best if best is not None and near[best] <= MOST_EDITS else None


def mistyped(text: str, r: random.Random) -> str:
    """The text with one letter left out, doubled or exchanged with the next."""
    if len(text) < 3:
        return text
    i = r.randrange(len(text) - 1)
    return r.choice(
        (text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:], text[:i] + text[i + 1] + text[i] + text[i + 2 :])
    )


def say_row(names: list[str], slots: int, count: int, seed: int) -> dict[str, float | int]:
    """`count` memories of `slots` names: one of them is said, as it is and mistyped."""
    r = random.Random(seed)
    found = typed = 0
    for _ in range(count):
        labels = r.sample(names, slots)
        answer = r.randrange(slots)
        found += find_label(labels[answer], labels) == answer
        typed += find_label(mistyped(labels[answer], r), labels) == answer
    return {"found": round(found / count, 4), "mistyped": round(typed / count, 4), "n": count}
