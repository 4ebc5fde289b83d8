"""Property: words end where Hugging Face's pre-tokenizer ends them, around every code point of Unicode."""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
import sys

import pytest

from . import random_text, reference
from .build_c import INCLUDES, TOKENIZER, compiler, run

SURROGATES = range(0xD800, 0xE000)


def our_words(library: ctypes.CDLL, data: bytes) -> list[bytes]:
    library.bpe_word_end.restype = ctypes.c_size_t
    library.bpe_word_end.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
    pieces, at = [], 0
    while at < len(data):
        end = library.bpe_word_end(data, len(data), at, 0)
        assert end > at
        pieces.append(data[at:end])
        at = end
    return pieces


def table_edges() -> list[int]:
    """Each code point at or beside an end of a range in the C tables."""
    header = (TOKENIZER / "src" / "bpe_unicode_ranges.h").read_text()
    edges = set(range(0x300))
    for name in ("letters", "numbers", "spaces"):
        body = re.search(rf"bpe_{name}\[\d+\]\[2\] = {{(.*?)}};", header, re.DOTALL)[1]
        ranges = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"\{0x(\w+), 0x(\w+)\}", body)]
        starts = [int(n) for n in re.search(rf"bpe_{name}_plane\[18\] = {{(.*?)}}", header)[1].split(",")]
        for plane in range(17):
            for first, last in ranges[starts[plane] : starts[plane + 1]]:
                for low in (first - 1, first, last, last + 1):
                    edges.add(min(max(plane << 16 | low & 0xFFFF, 0), 0x10FFFF))
    return sorted(edges - set(SURROGATES))


def check_around(library: ctypes.CDLL, code_points: list[int]) -> None:
    """Between letters, digits, symbols and spaces a code point's class shows in where words end."""
    for begin in range(0, len(code_points), 256):
        block = [chr(code_point) for code_point in code_points[begin : begin + 256]]
        data = "".join(f"a{c}a1{c}1!{c}! {c} {c}{c}\n" for c in block).encode()
        assert our_words(library, data) == expected_words(data), f"near U+{code_points[begin]:04X}"


def expected_words(data: bytes) -> list[bytes]:
    """As reference.words, without its stand-ins: this data is UTF-8 and uses the code points that they stand on."""
    text = data.decode()
    splitter = reference.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return [text[begin:end].encode() for _, (begin, end) in splitter.pre_tokenize_str(text)]


def test_edges_of_ranges(library: ctypes.CDLL):
    edges = table_edges()
    assert len(edges) > 2_500
    check_around(library, edges)


@pytest.mark.full
def test_every_code_point(library: ctypes.CDLL):
    check_around(library, [c for c in range(0x110000) if c not in SURROGATES])


@pytest.mark.full
def test_generated_header_is_current():
    tool = [sys.executable, str(TOKENIZER / "tools" / "make_unicode_tables.py"), "--check"]
    result = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_random_bytes(library: ctypes.CDLL):
    rng = random.Random(6)
    for _ in range(2_000):
        data = random_text.broken(rng)
        assert our_words(library, data) == reference.words(data), data


def test_classes_are_small_on_cortex_m7(tmp_path):
    """The Unicode tables take less than 6 KB of flash, and no RAM."""
    target = ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-mthumb"]
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", *INCLUDES]
    objects = []
    for source in sorted((TOKENIZER / "src").glob("*.c")):
        objects.append(tmp_path / f"{source.stem}.o")
        run([compiler("arm-none-eabi-gcc"), *target, *flags, "-c", str(source), "-o", str(objects[-1])])
    sizes = run([compiler("arm-none-eabi-size"), *map(str, objects)]).stdout.splitlines()[1:]
    total = {line.split()[-1].rsplit("/", 1)[-1]: [int(n) for n in line.split()[:3]] for line in sizes}
    print("\n".join(sizes))
    assert total["bpe_class.o"][0] < 6_000
    assert all(data == bss == 0 for _, data, bss in total.values())
    assert sum(text for text, _, _ in total.values()) < 10_000
