"""Names that people give, of ten kinds, none of them ever trained on: what `any_name` is measured with.

Training leaves out one text in twenty by a salted hash of its letters (`splits.is_test_text`); only such texts are names here.
The forms (possessives, serial numbers, signs) are this module's own, not those of the training texts.
"""

from __future__ import annotations

import random
import string
import unicodedata
from collections.abc import Callable, Iterator

from bitmar.errors import BitmarError
from model.data.dataset import Dataset
from model.data.splits import is_test_text
from model.data.tokenizers import normalise
from model.data.writing.mix import NAME_BYTES, is_name

KINDS = (
    "personal",
    "possessive",
    "serial",
    "non_latin",
    "emoji",
    "long",
    "upper",
    "digits",
    "punctuation",
    "plain",
)
LONG_BYTES = 40  # a long name has 40 to 63 bytes
TRIES = 400  # texts looked at for each name; one in twenty may be used
OWNERS = """
grandma grandpa mum dad Bob Ada Tom Lena Noor Ivan Mia Kofi Chen Yuki Omar Rosa my_sister the_cat
our_dog the_vet
"""
THINGS = """
bike car cup hat key mug pen bag toy coat lamp book drum kite shoe strawberry kettle guitar umbrella
clock
"""
ADJECTIVES = ("", "", "old ", "new ", "favourite ", "broken ", "green ", "second ")
MODELS = """
WD40 RTX iPhone Nikon Canon GoPro ThinkPad Makita Bosch Casio Seiko Fender ESP32 STM32 Teensy NUC
XPS
"""
UPPER, DIGITS = string.ascii_uppercase, string.digits
LATIN = "LATIN"


def unseen_names(dataset: Dataset, each: int, seed: int) -> dict[str, list[str]]:
    """{kind: `each` different names, or as many as the data has}. The same for the same data and seed; never a concept's name."""
    taken = {name for name in dataset.names if is_test_text(name)}
    kinds = {}
    for kind in KINDS:
        names: dict[str, None] = {}
        for count, text in enumerate(_texts(kind, dataset, random.Random(f"{seed} {kind}"))):
            if len(names) == each or count == TRIES * each:
                break
            text = normalise(text)
            if is_name(text) and is_test_text(text) and text not in taken and text not in names:
                names[text] = None
        if names:
            kinds[kind] = list(names)
    if not kinds:
        raise BitmarError("evaluation: no test names in phrases.txt and writing.json; run `pipeline.py data`")
    return kinds


def _texts(kind: str, dataset: Dataset, r: random.Random) -> Iterator[str]:
    """Texts of a kind without end."""
    make = {
        "personal": lambda: r.choice(dataset.writing["person"]),
        "possessive": lambda: _possessive(dataset, r),
        "serial": lambda: _serial(r),
        "non_latin": lambda: _non_latin(dataset, r),
        "emoji": lambda: r.choice(dataset.writing["emoji"]),
        "long": lambda: _long(dataset, r),
        "upper": lambda: r.choice(dataset.phrases).upper(),
        "digits": lambda: _digits(r),
        "punctuation": lambda: _punctuation(dataset, r),
        "plain": lambda: r.choice(dataset.phrases),
    }[kind]
    while True:
        yield make()


def _some(r: random.Random, alphabet: str, least: int, most: int) -> str:
    return "".join(r.choice(alphabet) for _ in range(r.randint(least, most)))


def _possessive(dataset: Dataset, r: random.Random) -> str:
    owner = r.choice(OWNERS.split()).replace("_", " ")
    if r.random() < 0.3:
        drawn = (r.choice(dataset.writing["person"]) for _ in range(20))
        owner = next((name for name in drawn if name.isascii()), "Al")
    thing = r.choice(THINGS.split()) if r.random() < 0.5 else r.choice(dataset.phrases)
    ending = r.choice(("'s", "'s", "\N{RIGHT SINGLE QUOTATION MARK}s"))
    return f"{owner}{ending} {r.choice(ADJECTIVES)}{thing}"


def _serial(r: random.Random) -> str:
    forms: tuple[Callable[[], str], ...] = (
        lambda: "-".join(_some(r, UPPER + DIGITS, 2, 4) for _ in range(r.randint(2, 3))),
        lambda: f"SN{_some(r, DIGITS, 4, 9)}",
        lambda: f"{r.choice(MODELS.split())}-{_some(r, UPPER + DIGITS, 2, 5)}",
        lambda: f"{r.choice(MODELS.split())} {_some(r, DIGITS, 2, 4)}{r.choice(('', 'a', 'B', ' Pro', 'x'))}",
        lambda: f"#{_some(r, DIGITS, 3, 6)}/{_some(r, UPPER, 1, 2)}",
        lambda: ":".join(_some(r, "0123456789abcdef", 2, 2) for _ in range(r.randint(3, 4))),
        lambda: _some(r, UPPER, 1, 3) + _some(r, DIGITS, 2, 5) + _some(r, UPPER, 0, 2),
        lambda: (
            f"rev {r.randint(1, 9)}.{r.randint(0, 20)}{r.choice(('', 'a', 'b', '-rc1'))} {_some(r, UPPER + DIGITS, 3, 5)}"
        ),
    )
    return r.choice(forms)()


def _letters(text: str) -> list[str]:
    return [unicodedata.name(c, "") for c in text if unicodedata.category(c)[0] == "L"]


def _non_latin(dataset: Dataset, r: random.Random) -> str:
    """A label or a person's name without a Latin letter; "" where the one drawn is not."""
    text = r.choice(dataset.writing[r.choice(("labels", "person"))])
    letters = _letters(text)
    foreign = letters and not any(name.startswith(LATIN) for name in letters)
    return text if foreign and len(text.encode()) < LONG_BYTES else ""


def _long(dataset: Dataset, r: random.Random) -> str:
    """40 to 63 bytes: a stretch of a sentence, or phrases joined as people describe things; "" where the one drawn is not."""
    if r.random() < 0.6:
        text = r.choice(dataset.writing["english"])
    else:
        a, b = r.choice(dataset.phrases), r.choice(dataset.phrases)
        joint = r.choice(("from", "next to", "in the box with", "that belongs to", "with", "for"))
        text = f"{r.choice(('the', 'my', 'our old', 'a'))} {a} {joint} {r.choice(('the', 'a', 'my'))} {b}"
    return text if LONG_BYTES <= len(text.encode()) <= NAME_BYTES else ""


def _digits(r: random.Random) -> str:
    forms: tuple[Callable[[], str], ...] = (
        lambda: _some(r, DIGITS, 2, 9),
        lambda: f"{r.randint(1, 12):02}/{r.randint(1, 28):02}/{r.randint(1950, 2030)}",
        lambda: f"+{r.randint(1, 99)} {_some(r, DIGITS, 3, 3)} {_some(r, DIGITS, 4, 6)}",
        lambda: f"{r.randint(0, 23)}:{r.randint(0, 59):02}",
        lambda: f"{r.randint(1, 999)}.{r.randint(0, 99):02}",
        lambda: f"{_some(r, DIGITS, 3, 3)}-{_some(r, DIGITS, 4, 4)}",
        lambda: " ".join(_some(r, DIGITS, 2, 4) for _ in range(3)),
    )
    return r.choice(forms)()


def _punctuation(dataset: Dataset, r: random.Random) -> str:
    word = r.choice(dataset.phrases)
    other = r.choice(THINGS.split())

    def letters(least: int, most: int) -> str:
        return _some(r, string.ascii_lowercase, least, most)

    forms = (
        f"{word}!",
        f"{word}?!",
        f"{word} (old)",
        f'"{other}" {word}',
        f"{other} & {word}",
        f"{other}/{word}",
        f"{word}, {other}",
        f"{word}: {other} #{r.randint(1, 9)}",
        f"{other}.{letters(3, 6)}@{letters(4, 7)}.{r.choice(('org', 'com', 'net'))}",
        f"[{word}]",
        f"{other} + {word}",
        f"*{word}*",
        f"{word} - {other}",
        f"{other}_{letters(2, 5)}.{r.choice(('jpg', 'txt', 'pdf'))}",
        f"~{r.randint(2, 90)}% {word}",
    )
    return r.choice(forms)
