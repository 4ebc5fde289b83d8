"""Which icon of a set draws which concept, and rendering it."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from model.data.download import read_npm
from model.data.names import Emoji, code_point_id

RENDER_SIZE = 192  # pixels: above the 160 of vision.tflite, so that cropping does not enlarge


class IconSet:
    """One `@iconify-json/*` package: SVG bodies by name, and (in some sets) names by code point."""

    def __init__(self, icons: dict[str, Any], chars: dict[str, str]) -> None:
        self._icons, self._aliases = icons["icons"], icons.get("aliases", {})
        self._defaults = {key: icons[key] for key in ("width", "height", "left", "top") if key in icons}
        self.chars = {code_point_id(code): name for code, name in chars.items()}

    @classmethod
    def read(cls, package: Path) -> IconSet:
        return cls(json.loads(read_npm(package, "icons.json")), json.loads(read_npm(package, "chars.json")))

    def names(self) -> list[str]:
        return [*self._icons, *self._aliases]

    def svg(self, name: str) -> str | None:
        """A complete SVG document, or None for an unknown icon or an alias that turns its parent."""
        while name in self._aliases:
            if set(self._aliases[name]) - {"parent", "hidden"}:
                return None
            name = self._aliases[name]["parent"]
        if name not in self._icons:
            return None
        icon = {"width": 16, "height": 16, "left": 0, "top": 0} | self._defaults | self._icons[name]
        box = f"{icon['left']} {icon['top']} {icon['width']} {icon['height']}"
        spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        return f'<svg {spaces} viewBox="{box}" width="{icon["width"]}" height="{icon["height"]}">{icon["body"]}</svg>'


def slug(text: str) -> str:
    """The icon sets' way of writing a label: "man's shoe" -> "mans-shoe"."""
    text = re.sub(r"['\u2019]", "", text.lower()).replace("&", "and")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


class Matcher:
    """Finds a set's icon for each concept: by the set's own code point table, else by an unambiguous name."""

    def __init__(self, concepts: list[Emoji], sets: Iterable[IconSet]) -> None:
        self._ids = {concept.id for concept in concepts}
        self._by_name: dict[str, set[str]] = defaultdict(set)
        for icon_set in sets:
            for code, name in icon_set.chars.items():
                if code in self._ids:
                    self._by_name[name].add(code)
        for concept in concepts:
            self._by_name[slug(concept.name)].add(concept.id)
        self._squashed: dict[str, set[str]] = defaultdict(set)
        for name, codes in self._by_name.items():
            self._squashed[name.replace("-", "")] |= codes

    def icons(self, icon_set: IconSet) -> dict[str, str]:
        """{concept id: icon name}"""
        found = {code: name for code, name in icon_set.chars.items() if code in self._ids}
        for name in icon_set.names():
            codes = self._by_name.get(name) or self._squashed.get(name.replace("-", ""), set())
            if len(codes) == 1:
                found.setdefault(next(iter(codes)), name)
        return {code: name for code, name in found.items() if icon_set.svg(name)}


def render(svg: str) -> bytes:
    """SVG -> PNG with transparency, the longer side RENDER_SIZE. ValueError if the SVG is broken or draws nothing."""
    import resvg_py

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=RENDER_SIZE, height=RENDER_SIZE))
    with Image.open(io.BytesIO(png)) as image:
        if image.convert("RGBA").getchannel("A").getextrema()[1] == 0:
            raise ValueError("draws nothing")
    return png
