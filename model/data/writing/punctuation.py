"""Possessives, quotes, brackets, signs between words: phrases as they are typed, not as a dictionary lists them."""

from __future__ import annotations

import random
import string

SIGNS = list(".,;:!?()[]{}\"'`~@#$%^&*-_=+<>/\\|")
OWNERS = [
    "mum",
    "dad",
    "grandma",
    "grandpa",
    "my_mother",
    "my_son",
    "my_wife",
    "the_neighbour",
    "the_boss",
    "our_daughter",
    "my_brother",
    "the_dog",
    "the_cat",
    "the_doctor",
    "aunt",
    "the_children",
    "his_uncle",
    "the_teacher",
    "my_friend",
    "the_baby",
]
BEFORE = [
    "my",
    "our",
    "the",
    "his",
    "her",
    "your",
    "a",
    "this",
    "left",
    "right",
    "top",
    "spare",
    "first",
    "last",
    "next",
]
ADJECTIVES = ("", "", "old ", "blue ", "new ", "red ", "best ", "little ", "spare ")
BETWEEN = ("&", "/", "+", "->", "-", "=", "|", "<-", "=>", "and", "or", "of", "for", "with", "in", "on")
PAIRS = ("()", '""', "''", "[]", "**", "<>", "{}", "__", "~~")
ENDS = ("!", "?", ".", "...", "!!", "?!", ":", ";", "%", "*", "+", "…")


def possessive(first_names: list[str], phrases: list[str], r: random.Random) -> str:
    """ "Ada's blue kettle", "the boss' umbrella" """
    k = r.random()
    owner = r.choice(OWNERS).replace("_", " ") if k < 0.5 else r.choice(first_names)
    owner = r.choice(phrases).split()[0] if k > 0.85 else owner
    ending = r.choice(("'s", "'s", "\N{RIGHT SINGLE QUOTATION MARK}s", "'"))
    return f"{owner}{ending} {r.choice(ADJECTIVES)}{r.choice(phrases)}"


def _edited(phrase: str, r: random.Random) -> str:
    """A phrase with one word changed: a sign, a capital or a number beside it."""
    words = phrase.split()
    i, number = r.randrange(len(words)), str(r.randint(0, 999))
    word = words[i]
    words[i] = r.choice(
        (
            word + r.choice(SIGNS),
            r.choice(SIGNS) + word,
            word.capitalize(),
            f"{number} {word}",
            f"{word} {number}",
        )
    )
    return " ".join(words)


def _signs(phrases: list[str], words: list[str], r: random.Random) -> str:
    letter, k = string.ascii_letters, r.randrange(9)
    if k == 0:
        return f"{r.choice(phrases)}, {r.choice(phrases)}"
    if k == 1:
        return f"{r.choice(phrases)} {r.choice(BETWEEN)} {r.choice(phrases)}"
    if k == 2:
        a, b = r.choice(PAIRS)
        return f"{a}{r.choice(phrases)}{b}" if r.random() < 0.6 else f"{r.choice(phrases)} {a}{r.choice(phrases)}{b}"
    if k == 3:
        return r.choice(phrases) + r.choice(ENDS)
    if k == 4:
        return "".join(r.choice(SIGNS) for _ in range(r.randint(1, 6)))
    if k == 5:
        return r.choice(SIGNS) + r.choice(words) + r.choice(["", *SIGNS])
    if k == 6:
        return r.choice(words) + r.choice(SIGNS) + r.choice(words) + r.choice(["", r.choice(SIGNS) + r.choice(words)])
    if k == 7:
        between = r.choice([*SIGNS, " & ", " + ", " / ", " = "])
        return r.choice(letter) + between + r.choice(letter) + r.choice(["", r.choice(SIGNS) + str(r.randint(0, 99))])
    return _edited(r.choice(phrases), r)


def punctuation(
    phrases: list[str], words: list[str], first_names: list[str], r: random.Random, count: int
) -> list[str]:
    """A third possessives, the rest signs; one in twelve with a word before it ("my ...")."""
    texts = []
    for _ in range(count):
        k = r.random()
        if k < 0.35:
            texts.append(possessive(first_names, phrases, r))
        elif k < 0.43:
            texts.append(f"{r.choice(BEFORE)} {r.choice(phrases)}")
        else:
            texts.append(_signs(phrases, words, r))
    return texts
