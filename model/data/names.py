"""The concepts: what each pictogram is called."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from model.data.download import read_npm

LEFT_OUT = ("component", "flags")  # groups: skin tones and hair are no pictures of things; flags share one shape


class Emoji(NamedTuple):
    """A thing with a name: all drawings of one code point sequence."""

    id: str  # code points in lower-case hexadecimal, joined by "-", without the variation selector: "1f353"
    name: str  # lower-case, only a-z, 0-9 and single spaces
    tags: tuple[str, ...]
    group: str


def normalise(text: str) -> str:
    """Lower-case [a-z0-9 ]: accents and apostrophes dropped, & spelt out, everything else a space."""
    text = unicodedata.normalize("NFKD", text.lower())
    text = re.sub(r"[\u0300-\u036f'\u2018\u2019]", "", text).replace("&", " and ")
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def code_point_id(hexcode: str) -> str:
    """ "2764-FE0F" -> "2764": lower-case, without the variation selector."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def read_emojis(emojibase: Path) -> list[Emoji]:
    """Concepts of the emojibase package in its order, without flags and components, each name once (the first keeps it)."""
    messages = json.loads(read_npm(emojibase, "en/messages.json"))
    groups = {group["order"]: group["key"] for group in messages["groups"]}
    concepts, names = [], set()
    for entry in json.loads(read_npm(emojibase, "en/data.json")):
        group = groups.get(entry.get("group"), LEFT_OUT[0])
        name = normalise(entry["label"])
        if group in LEFT_OUT or not name or name in names:
            continue
        names.add(name)
        tags = tuple(dict.fromkeys(filter(None, map(normalise, entry.get("tags", [])))))
        concepts.append(Emoji(code_point_id(entry["hexcode"]), name, tags, group))
    return concepts
