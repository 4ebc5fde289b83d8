"""Phrases with capitals: Title Case, Sentence case, UPPER CASE, MiXeD."""

from __future__ import annotations

import random
import string


def capitals(phrases: list[str], labels: tuple[str, ...], r: random.Random, count: int) -> list[str]:
    """Nearly half of them in capitals throughout; one in ten with a letter or a number behind it."""
    texts = []
    for _ in range(count):
        text = r.choice(phrases) if r.random() < 0.8 else r.choice(labels)
        k = r.random()
        if k < 0.2:
            text = text.title()
        elif k < 0.4:
            text = text.capitalize()
        elif k < 0.85:
            text = text.upper()
        elif k < 0.95:
            text = " ".join(word.upper() if r.random() < 0.5 else word for word in text.split())
        else:
            text = "".join(c.upper() if r.random() < 0.5 else c for c in text)
        if r.random() < 0.1:
            text += " " + r.choice((r.choice(string.ascii_uppercase), str(r.randint(0, 99))))
        texts.append(text)
    return texts
