#!/usr/bin/env python3
"""Write src/bpe_unicode_ranges.h: the ranges of \\p{L}, \\p{N} and \\s as Hugging Face's pre-tokenizer knows them.

    python tokenizer/tools/make_unicode_tables.py [--check]

The classes are read off `tokenizers` itself, one code point at a time, because its Unicode version is what a
vocabulary was trained with; Python's unicodedata is older and differs (the tool prints where). `--check` writes
nothing and exits with 1 if the header is not what would be written. Needs `pip install tokenizers`.
"""

from __future__ import annotations

import argparse
import collections
import sys
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers.pre_tokenizers import ByteLevel

HEADER = Path(__file__).resolve().parent.parent / "src" / "bpe_unicode_ranges.h"
CODE_POINTS = 0x110000
OTHER, LETTER, NUMBER, SPACE = "other", "letters", "numbers", "spaces"


def class_of(splitter: ByteLevel, code_point: int) -> str:
    """The class that the pre-tokenizer gives a code point: between two letters only a letter makes one piece, etc."""
    if 0xD800 <= code_point <= 0xDFFF:  # surrogates: not in UTF-8
        return OTHER
    character = chr(code_point)
    for neighbour, class_ in (("!", OTHER), ("a", LETTER), ("1", NUMBER)):
        if len(splitter.pre_tokenize_str(neighbour + character + neighbour)) == 1:
            return class_
    return SPACE


def all_classes() -> list[str]:
    """The class of every code point, by number."""
    splitter = ByteLevel(add_prefix_space=False, use_regex=True)
    return [class_of(splitter, code_point) for code_point in range(CODE_POINTS)]


def plane_ranges(classes: list[str], class_: str) -> tuple[list[tuple[int, int]], list[int]]:
    """Maximal ranges (first, last; low 16 bits) of a class and, per plane, the index of its first range."""
    ranges: list[tuple[int, int]] = []
    starts = []
    for plane in range(17):
        starts.append(len(ranges))
        first = None
        for low in range(0x10001):
            inside = low < 0x10000 and classes[plane << 16 | low] == class_
            if inside and first is None:
                first = low
            elif not inside and first is not None:
                ranges.append((first, low - 1))
                first = None
    return ranges, [*starts, len(ranges)]


def table(name: str, ranges: list[tuple[int, int]], starts: list[int]) -> str:
    cells = [f"{{0x{first:04X}, 0x{last:04X}}}," for first, last in ranges]
    lines = [" ".join(cells[i : i + 6]) for i in range(0, len(cells), 6)]
    body = "\n    ".join(lines)
    return (
        f"static const uint16_t bpe_{name}[{len(ranges)}][2] = {{\n    {body}\n}};\n"
        f"static const uint16_t bpe_{name}_plane[18] = {{{', '.join(map(str, starts))}}};\n"
    )


def header(classes: list[str]) -> str:
    tables = {name: plane_ranges(classes, name) for name in (LETTER, NUMBER, SPACE)}
    size = sum(4 * len(ranges) + 2 * len(starts) for ranges, starts in tables.values())
    return (
        f"/* Written by tools/make_unicode_tables.py from tokenizers {tokenizers.__version__}: do not edit.\n"
        " * {first, last} within a plane of 65,536 code points; *_plane has the index of each plane's first range.\n"
        f" * {size} bytes. */\n"
        "// clang-format off\n"
        "#ifndef BITMAR_BPE_UNICODE_RANGES_H\n#define BITMAR_BPE_UNICODE_RANGES_H\n\n#include <stdint.h>\n\n"
        + "\n".join(table(name, *tables[name]) for name in tables)
        + "\n#endif\n"
    )


def print_differences(classes: list[str]) -> None:
    """How Python's unicodedata (and str.isspace) would have classified, where it disagrees."""
    differences: collections.Counter[tuple[str, str, str]] = collections.Counter()
    for code_point, class_ in enumerate(classes):
        character = chr(code_point)
        category = unicodedata.category(character)
        python = {"L": LETTER, "N": NUMBER}.get(category[0], SPACE if character.isspace() else OTHER)
        if python != class_:
            differences[(category, python, class_)] += 1
    print(f"tokenizers {tokenizers.__version__} against unicodedata {unicodedata.unidata_version}:")
    for (category, python, class_), count in differences.most_common():
        print(f"  {count:6d} code points of category {category}: {python} for Python, {class_} for tokenizers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare the header with what would be written")
    args = parser.parse_args()
    classes = all_classes()
    print_differences(classes)
    text = header(classes)
    if args.check:
        same = HEADER.exists() and HEADER.read_text() == text
        print(f"{HEADER.name} is {'up to date' if same else 'out of date'}")
        return 0 if same else 1
    HEADER.write_text(text)
    print(f"wrote {HEADER.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
