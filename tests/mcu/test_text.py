"""Property: text from outside reaches a terminal without a control character and JSON as Python would decode it.

Broken UTF-8 becomes one U+FFFD per maximal invalid sequence, as in Python; no sanitizer finds anything.
"""

from __future__ import annotations

import json
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

from tests.mcu.conftest import ROOT, Board
from tests.mcu.test_console_memory import SANITIZE

APP = ROOT / "mcu_app" / "src" / "app"
CONTROLS = {"Cc", "Cf", "Zl", "Zp"}


def visible(text: str) -> str:
    """What a terminal may be sent."""

    def escape(c: str) -> str:
        if unicodedata.category(c) not in CONTROLS:
            return c
        code = ord(c)
        return f"\\x{code:02x}" if code < 0xA0 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return "".join(map(escape, text))


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("text") / "print_text"
    sources = [ROOT / "tests" / "mcu" / "host" / "print_text.cpp", APP / "text.cpp", APP / "output.cpp"]
    folders = [APP, ROOT / "mcu_app" / "include", ROOT / "memstore" / "include"]
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", *SANITIZE, *(f"-I{folder}" for folder in folders)]
    subprocess.run(["g++", *flags, *map(str, sources), "-o", str(out)], check=True)
    return out


def printed(printer: Path, texts: list[bytes], seed: int = 1) -> list[tuple[str, str, str]]:
    """Each text on a terminal, there in pieces, and in JSON."""
    lines = "".join(text.hex() + "\n" for text in texts)
    done = subprocess.run([printer, str(seed)], input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    shown = [bytes.fromhex(line).decode("utf-8") for line in done.stdout.splitlines()]
    assert len(shown) == 3 * len(texts)
    return list(zip(shown[::3], shown[1::3], shown[2::3], strict=True))


def check(printer: Path, texts: list[bytes], seed: int = 1) -> None:
    for text, (whole, pieces, quoted) in zip(texts, printed(printer, texts, seed), strict=True):
        expected = text.decode("utf-8", errors="replace")
        assert whole == pieces == visible(expected), text
        assert json.loads(f'"{quoted}"') == expected, text
        assert not any(unicodedata.category(c) in CONTROLS for c in quoted), text


def test_every_character(printer: Path) -> None:
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    check(printer, ["".join(assigned[at : at + 4096]).encode() for at in range(0, len(assigned), 4096)])


def random_bytes(rng: random.Random) -> bytes:
    """Characters of every length, cut and damaged."""
    kinds = [b"a", b'"\\', b"\x1b[2J", b"\x00\x7f"]
    kinds += [c.encode() for c in "\xe9\u20ac\u202e\ufffd\U0001f98a\U000e0001\x85"]
    kinds += [
        b"\xc0\xaf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf0\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8",
        b"\xe2\x82",
        b"\xf0\x9f\xa6",
    ]
    text = bytearray(b"".join(rng.choices(kinds, k=rng.randrange(12))))
    for _ in range(rng.randrange(3)):
        if text:
            text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text[: rng.randrange(len(text) + 1)] if rng.random() < 0.3 else text)


def test_random_and_broken_text(printer: Path) -> None:
    rng = random.Random(20261126)
    check(printer, [random_bytes(rng) for _ in range(20_000)])


@pytest.mark.full
def test_random_and_broken_text_long(printer: Path) -> None:
    for seed in range(10):
        rng = random.Random(seed)
        check(printer, [random_bytes(rng) for _ in range(200_000)], seed)


@pytest.mark.parametrize("name", ["\x1b]0;title\x07", "\u202eevil", "\x9b31m", "\u2028", "plain \u00e9 \U0001f98a"])
def test_the_board_never_sends_a_control_character(name: str, shared: Board) -> None:
    """In names that it prints and in what it repeats of a wrong line."""
    from tests.mcu.test_robustness import picture

    answers = [shared.text(f'teach {picture()} "{name}"'), shared.text("mem show"), shared.text(f"ask {picture()}")]
    answers += [shared.text(f'"{name}"'), shared.text(f'rename "{name}" "{name}2"'), shared.text(f'forget "{name}2"')]
    for answer in answers:
        assert visible(name) in answer
        assert not any(unicodedata.category(c) in CONTROLS for c in answer.replace("\n", "").replace("\r", "")), answer
