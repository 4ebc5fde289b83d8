"""Seeded random texts: what people type, what they never type, and bytes that are no text at all."""

from __future__ import annotations

import random
import re

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORDS = ["the", "a", "red", "strawberry", "leaves", "of", "house", "It's", "don't", "we'll", "I'm", "they've", "you're"]
WORDS += ["he'd", "'S", "'LL", "o'clock", "with", "green"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'l", "'r", "'v", "''", "'", "’s", "'sx", "'rex"]
SPACES = list("\t\n\v\f\r \x85\xa0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000") + [" "] * 12 + ["\n"] * 3
ALMOST_SPACES = "\x00\x1b\x1c\x1d\x1e\x1f\x7f\u180e\u200b\u200c\u200d\u2060\ufeff"
EMOJI = ["🍓", "👩‍🚀", "👍🏽", "🇪🇺", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "☃", "🫠"]
SCRIPTS = "日本語漢字ひらがなカタカナ한국어Ελλάδαрусскийעבריתالعربيةहिन्दीไทยაბგ𐌰𝒳𠀀ßſıİǅŉ"
COMBINING = "\u0301\u0308\u0323\u093f\u0e31\u20dd\ufe0f\u3099"
NUMBERS = "0123456789²½Ⅷ٣९๔①𝟘一〇"
SYMBOLS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€…—「」♥\ue000\uffff"
SPECIAL = ["<pad>", "<bos>", "<eos>", "<|endoftext|>"]
BROKEN = [
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"\xf0\x9f\x8d",
    b"\x80",
    b"\xff",
    b"\xfe",
    b"\xc3",
]
BROKEN += [
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf5\x80\x80\x80",
    b"\xed\xbf\xbf",
    b"\xc1\xbf",
    b"\xf8\x88\x80\x80\x80",
]


def any_character(rng: random.Random) -> str:
    """Any code point but the surrogates and the last 256, evenly from one of four magnitudes."""
    while True:
        code_point = rng.randrange(rng.choice([0x80, 0x800, 0x10000, 0x10FF00]))
        if not 0xD800 <= code_point <= 0xDFFF:
            return chr(code_point)


def piece(rng: random.Random) -> str:
    """One stretch of one kind."""
    kind = rng.randrange(13)
    if kind == 0:
        return "".join(rng.choices(LETTERS, k=rng.randint(1, 12)))
    if kind == 1:
        return " ".join(rng.choices(WORDS, k=rng.randint(1, 6)))
    if kind == 2:
        return rng.choice(CONTRACTIONS)
    if kind == 3:
        return "".join(rng.choices(SPACES, k=rng.randint(1, 6)))
    if kind == 4:
        return "".join(rng.choices(EMOJI, k=rng.randint(1, 4)))
    if kind == 5:
        return "".join(rng.choices(SCRIPTS, k=rng.randint(1, 8)))
    if kind == 6:
        return "".join(c + rng.choice(COMBINING) for c in rng.choices(LETTERS + SCRIPTS, k=rng.randint(1, 5)))
    if kind == 7:
        return "".join(rng.choices(NUMBERS, k=rng.randint(1, 8)))
    if kind == 8:
        return "".join(rng.choices(SYMBOLS, k=rng.randint(1, 6)))
    if kind == 9:
        return "".join(any_character(rng) for _ in range(rng.randint(1, 8)))
    if kind == 10:
        return rng.choice(LETTERS + SYMBOLS + SCRIPTS + " \n") * rng.choice([2, 3, 7, 16, 40, 130])
    if kind == 11:
        return rng.choice(SPECIAL)
    return "".join(rng.choices(ALMOST_SPACES + " ", k=rng.randint(1, 4)))


def text(rng: random.Random) -> str:
    """A string of 0 to 10 pieces, with or without spaces between them."""
    gap = rng.choice(["", "", " "])
    return gap.join(piece(rng) for _ in range(rng.randint(0, 10)))


def broken(rng: random.Random) -> bytes:
    """Bytes that are mostly not UTF-8: a text with damage, or noise. Never a stand-in of reference.py."""
    while True:
        data = rng.randbytes(rng.randint(1, 60)) if rng.random() < 0.2 else damaged(text(rng).encode(), rng)
        if not re.search(rb"\xf4\x8f[\xbc-\xbf]", data):
            return data


def damaged(text: bytes, rng: random.Random) -> bytes:
    """1 to 6 places of a text broken: bytes put in, left out, changed."""
    data = bytearray(text)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(data))
        damage = rng.randrange(4)
        if damage == 0:
            data[at:at] = rng.choice(BROKEN)
        elif damage == 1:
            data[at:at] = bytes([rng.randrange(0x80, 0x100)])
        elif damage == 2 and at < len(data):
            del data[at]
        elif at < len(data):
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)
