"""Names of persons of some 80 locales, from the faker package: its word lists are read as data, none of its code runs."""

from __future__ import annotations

import ast
import random
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

MODULE = re.compile(r"faker/providers/person/([a-z]{2,3}_[A-Z]{2})/__init__\.py")
SURNAME_FIRST = ("zh", "ja", "ko")  # and no space between
EACH = 700  # names of a locale
TITLES = [
    "Mr.",
    "Mrs.",
    "Dr.",
    "Prof.",
    "Ms",
    "Uncle",
    "Aunt",
    "Grandma",
    "Grandpa",
    "little",
    "old",
    "Mr",
    "Frau",
    "Herr",
    "Mme",
    "M.",
    "Sr.",
    "cousin",
    "Nurse",
    "Captain",
]


class Locale(NamedTuple):
    """First and last names of one locale, "pt_BR"."""

    code: str
    first: tuple[str, ...]
    last: tuple[str, ...]


def read_locales(faker: Path) -> list[Locale]:
    """The word lists of every locale that has first names, in alphabetical order."""
    locales = []
    with zipfile.ZipFile(faker) as wheel:
        for name in sorted(wheel.namelist()):
            if match := MODULE.fullmatch(name):
                first, last = _lists(ast.parse(wheel.read(name)))
                if first:
                    locales.append(Locale(match[1], tuple(first), tuple(last or first)))
    return locales


def _lists(module: ast.Module) -> tuple[list[str], list[str]]:
    """Strings of the assignments to first_name... and last_name..., each once, in order."""
    found: dict[str, dict[str, None]] = {"first_name": {}, "last_name": {}}
    for node in ast.walk(module):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        target = node.targets[0].id
        if target[:10].startswith("first_name") and "romanized" not in target:
            words = found["first_name"]
        elif target.startswith("last_name") and "romanized" not in target:
            words = found["last_name"]
        else:
            continue
        for value in ast.walk(node.value):
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and "{" not in value.value:
                words[value.value.strip()] = None
    return [w for w in found["first_name"] if w], [w for w in found["last_name"] if w]


def full_name(locale: Locale, r: random.Random) -> str:
    """One name as people of that locale write it: first name, both, last name, two first names."""
    first, last, k = r.choice(locale.first), r.choice(locale.last), r.random()
    if locale.code.startswith(SURNAME_FIRST):
        return first if k < 0.35 else last + first if k < 0.85 else last
    if k < 0.4:
        return first
    if k < 0.8:
        return f"{first} {last}"
    if k < 0.9:
        return last
    return f"{first}{' ' if k < 0.96 else '-'}{r.choice(locale.first)}"


def people(locales: list[Locale], r: random.Random) -> list[str]:
    """Names of persons, as many of each locale; some with a title."""
    names = [full_name(locale, r) for locale in locales for _ in range(EACH)]
    titled = [f"{r.choice(TITLES)} {r.choice(names).split()[-1]}" for _ in range(len(names) // 12)]
    return names + titled


def latin_first_names(locales: list[Locale]) -> list[str]:
    """First names in plain letters, for possessives."""
    return sorted({name for locale in locales for name in locale.first if name.isascii() and name.isalpha()})
