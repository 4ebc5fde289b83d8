"""Serial numbers, passwords, telephone numbers, dates, addresses of the net, amounts: texts that no word list has."""

from __future__ import annotations

import random
import string

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
PRINTABLE = "".join(map(chr, range(33, 127)))
BEFORE_SERIAL = ("", "", "", "SN ", "S/N ", "No. ", "#", "ID ", "PIN ", "Part No. ", "code ", "key ", "WiFi: ", "pw: ")
BEFORE_SERIAL += ("ISBN ", "Ref ", "v", "MAC ")
ALPHABETS = (
    UPPER,
    DIGITS,
    DIGITS,
    UPPER + DIGITS,
    UPPER + DIGITS + LOWER,
    LOWER + DIGITS,
    "0123456789ABCDEF",
    "0123456789abcdef",
)
MONTHS = ["Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"]
PLACES = [
    "room",
    "Room",
    "box",
    "shelf",
    "drawer",
    "No.",
    "flat",
    "gate",
    "bus",
    "unit",
    "platform",
    "seat",
    "floor",
    "bin",
    "bay",
    "rack",
    "port",
]
UNITS = [
    "EUR",
    "USD",
    "kg",
    "g",
    "cm",
    "mm",
    "ml",
    "%",
    "V",
    "W",
    "A",
    "mA",
    "Hz",
    "m",
    "km",
    "h",
    "°C",
    "€",
    "$",
    "£",
    "mg",
    "GB",
]
PARTS = ("M", "R", "C", "IC", "LM", "BC", "TP", "USB", "HDMI", "AA", "CR", "E", "A", "B", "DIN ", "ISO ")


def chars(r: random.Random, alphabet: str, least: int, most: int | None = None) -> str:
    """`least` to `most` random characters."""
    return "".join(r.choice(alphabet) for _ in range(r.randint(least, most or least)))


def _serial(r: random.Random, word: str) -> str:
    groups = (chars(r, r.choice(ALPHABETS), 1, 5) for _ in range(r.randint(1, 4)))
    return r.choice(BEFORE_SERIAL) + r.choice("-- /.:_ ").join(groups)


def _password(r: random.Random, word: str) -> str:
    return chars(r, PRINTABLE, 1, 12) if r.random() < 0.5 else chars(r, UPPER + LOWER + DIGITS + "!#$%&?-_", 4, 14)


def _number(r: random.Random, word: str) -> str:
    if r.random() < 0.5:
        return chars(r, DIGITS, 1, 12)
    return " ".join(chars(r, DIGITS, 1, 4) for _ in range(r.randint(1, 5)))


def _telephone(r: random.Random, word: str) -> str:
    country = r.choice(("+", "0", "00", "")) + r.choice(("49", "44", "1", "33", "91", "81", "7", ""))
    area = r.choice((" ", "-", "")) + chars(r, DIGITS, 2, 4) + r.choice((" ", "-", "/", ""))
    return (country + area + chars(r, DIGITS, 3, 7) + r.choice(("", "", " " + chars(r, DIGITS, 2, 4)))).strip()


def _date(r: random.Random, word: str) -> str:
    day, month, year = r.randint(1, 31), r.randint(1, 12), r.randint(1950, 2035)
    return r.choice(
        (
            f"{day:02}.{month:02}.{year}",
            f"{year}-{month:02}-{day:02}",
            f"{month}/{day}/{year % 100:02}",
            f"{r.randint(0, 23):02}:{r.randint(0, 59):02}",
            f"{day} {r.choice(MONTHS)} {year}",
        )
    )


def _address(r: random.Random, word: str) -> str:
    other = r.choice((word[::-1], chars(r, DIGITS, 1, 3)))
    k = r.randrange(4)
    if k == 0:
        ending = r.choice(("com", "org", "net", "de", "fr", "co.uk", "io", "edu"))
        return f"{word}{r.choice('._-')}{other}@{chars(r, LOWER, 3, 8)}.{ending}"
    if k == 1:
        return r.choice(("www.", "https://", "http://", "")) + word + r.choice((".com", ".org", "/", ".txt", ".pdf"))
    if k == 2:
        return ".".join(str(r.randint(0, 255)) for _ in range(4))
    return f"{chars(r, UPPER, 2)}{chars(r, DIGITS, 2)}" + "".join(
        f" {chars(r, DIGITS, 4)}" for _ in range(r.randint(1, 4))
    )


def _place(r: random.Random, word: str) -> str:
    return f"{r.choice(PLACES)} {chars(r, DIGITS, 1, 4)}{r.choice(('', chars(r, UPPER + LOWER, 1)))}"


def _amount(r: random.Random, word: str) -> str:
    number = r.choice((chars(r, DIGITS, 1, 4), f"{chars(r, DIGITS, 1, 2)}.{chars(r, DIGITS, 1, 2)}"))
    return f"{number}{r.choice(' |').replace('|', '')}{r.choice(UNITS)}"


def _part(r: random.Random, word: str) -> str:
    number = chars(r, DIGITS, 1, 4) + r.choice(("", "x", "-", "/", "K")) + r.choice(("", chars(r, DIGITS, 1, 3)))
    return r.choice(PARTS) + number + r.choice(("", " " + chars(r, UPPER + DIGITS, 1, 3)))


def _labelled(r: random.Random, word: str) -> str:
    if r.random() < 0.5:
        return f"{word}{chars(r, DIGITS, 1, 4)}{r.choice(('', '!', '?', '.', '#'))}"
    alphabet = r.choice((UPPER + DIGITS, DIGITS, LOWER + DIGITS, UPPER + LOWER + DIGITS))
    return f"{word}{r.choice((': ', ':', '=', '-', ' / ', ' '))}{chars(r, alphabet, 2, 8)}"


FORMS = (_serial, _serial, _serial, _serial, _password, _number, _number, _telephone)
FORMS += (_date, _address, _address, _place, _amount, _part, _labelled, _labelled)


def codes(words: list[str], r: random.Random, count: int) -> list[str]:
    """Texts of all these forms; `words` to put beside them."""
    return [r.choice(FORMS)(r, r.choice(words)) for _ in range(count)]
