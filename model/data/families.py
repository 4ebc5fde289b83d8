"""Families: concepts whose drawings are variants of one drawing, so that one of them tells what another looks like.

"woman climbing" is no unseen thing to a model that was trained on "man climbing", nor is "blue heart" after "red heart". A family
is therefore held out or trained on as a whole. Two concepts are of one family if their names are equal after the words that
name a variant (person, colour, direction, size, number) are taken out.
"""

from __future__ import annotations

PERSONS = (
    "man woman men women person people boy girl boys girls mx mr mrs santa mother father prince princess mer maid "
    "adult child older old young baby"
)
COLOURS = "red orange yellow green blue purple brown black white grey pink light dark"
DIRECTIONS = "left right up down upwards facing upper lower first last new full waxing waning"
SIZES = "large medium small big mini"
NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirty oclock 1st 2nd 3rd 0 1 2 3 4 5 6 7 8 9 10"
)
PHASES = "crescent gibbous quarter"  # of the moon
OTHER = "face with"  # "dog" and "dog face"; "person with beard" and "person beard"
VARIANT_WORDS = frozenset(" ".join((PERSONS, COLOURS, DIRECTIONS, SIZES, NUMBERS, PHASES, OTHER)).split())
SAME = {"mens": "restroom", "womens": "restroom", "merman": "merperson", "mermaid": "merperson", "grandma": "grandpa"}


def family_of(name: str) -> str:
    """The family of a concept's (normalised) name: the words that are left without those that name a variant.

    "woman climbing" -> "climbing"; names of variant words alone are clocks ("two thirty") or persons ("old man").
    """
    words = set(name.split())
    if words <= VARIANT_WORDS:
        return "clock" if words & {"oclock", "thirty"} else "person"
    return " ".join(sorted({SAME.get(word, word) for word in name.split()} - VARIANT_WORDS))
