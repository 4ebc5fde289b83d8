"""Words of random letters in some thirty scripts: each letter of each, a few of them often, as in words."""

from __future__ import annotations

import random
import unicodedata

RANGES = (  # first and last code point; the large blocks twice
    (0xC0, 0x17F),  # Latin with accents
    (0x386, 0x3CE),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x531, 0x587),  # Armenian
    (0x5D0, 0x5EA),  # Hebrew
    (0x620, 0x64A),  # Arabic
    (0x66E, 0x6D3),
    (0x905, 0x94D),  # Devanagari
    (0x985, 0x9CD),  # Bengali
    (0xA05, 0xA4D),  # Gurmukhi
    (0xA85, 0xACD),  # Gujarati
    (0xB05, 0xB4D),  # Oriya
    (0xB85, 0xBCD),  # Tamil
    (0xC05, 0xC4D),  # Telugu
    (0xC85, 0xCCD),  # Kannada
    (0xD05, 0xD4D),  # Malayalam
    (0xD85, 0xDDF),  # Sinhala
    (0xE01, 0xE4E),  # Thai
    (0xE81, 0xECD),  # Lao
    (0xF40, 0xFB0),  # Tibetan
    (0x1000, 0x104F),  # Burmese
    (0x10D0, 0x10F0),  # Georgian
    (0x1200, 0x1350),  # Ethiopic
    (0x1780, 0x17D3),  # Khmer
    (0x1820, 0x1877),  # Mongolian
    (0x3041, 0x3096),  # Hiragana
    (0x30A1, 0x30FC),  # Katakana
    (0x4E00, 0x9FA5),  # Chinese
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),  # Korean
    (0xAC00, 0xD7A3),
    (0x1EA0, 0x1EF9),  # Vietnamese
)
LARGE = 2000  # code points: a block whose characters are syllables or words


def _word(letters: list[str], large: bool, r: random.Random) -> str:
    return "".join(r.choice(letters) for _ in range(r.randint(1, 4 if large else 8)))


def scripts(first_names: list[str], r: random.Random, count: int) -> list[str]:
    """One or two words of one script; one in seven with a number or a name in Latin letters."""
    texts = []
    for _ in range(count):
        low, high = r.choice(RANGES)
        drawn = (chr(r.randint(low, high)) for _ in range(40))
        letters = [c for c in drawn if c.isprintable() and unicodedata.category(c)[0] in "LM"] or ["x"]
        text = " ".join(_word(letters, high - low > LARGE, r) for _ in range(r.choice((1, 1, 1, 2))))
        if r.random() < 0.15:
            name, number = r.choice(first_names), r.randint(0, 999)
            text = r.choice((f"{text} {number}", f"{name} {text}", f"{text} {name}", f"({text})", f"{text}!"))
        texts.append(text)
    return texts
