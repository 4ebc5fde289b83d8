"""Property: no control character reaches a terminal, whatever a name holds, an error's line has a sensible length, and answers
come on any output, ASCII too. JSON stays JSON, and says what was taught."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitmar.errors import BitmarError
from deploy.board.console import BoardConsole
from deploy.board.link import BoardLink
from pi_app.terminal import CONTROLS, error_line, json_line, printable
from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT
from tests.pi_app.console_runs import console, contents, write_pictures

ESCAPED = {"Cc", "Cf", "Zl", "Zp", "Cs"}
NASTY = "a\x1b[31m\x7f\x9b\u202ecup\u2028\U000e0041"
SHOWN = r"a\x1b[31m\x7f\x9b\u202ecup\u2028\U000e0041"
LONG = "x" * 300


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    return tmp_path / "card"


def test_every_control_character_is_escaped_and_nothing_else() -> None:
    for code in range(sys.maxunicode + 1):
        category, escaped = unicodedata.category(chr(code)), bool(CONTROLS.fullmatch(chr(code)))
        assert escaped == (category in ESCAPED) or (escaped and category == "Cn"), hex(code)


def test_the_firmware_escapes_the_same() -> None:
    source = (ROOT / "mcu_app" / "src" / "app" / "text.cpp").read_text(encoding="utf-8")
    table = source.split("is_control(uint32_t code)")[1].split("};")[0]
    ranges = [(int(first, 16), int(last, 16)) for first, last in re.findall(r"\{(0x\w+), (0x\w+)\}", table)]
    assert len(ranges) > 20
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code < 0xE000:  # UTF-8 has no surrogates
            there = any(first <= code <= last for first, last in ranges)
            assert there == bool(CONTROLS.fullmatch(chr(code))), hex(code)


@given(st.text(max_size=80))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = printable(text)
    assert not CONTROLS.search(line) and printable(line) == line
    for encoding in ("utf-8", "ascii"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        written = json_line({"name": text}, stream)
        assert not CONTROLS.search(written) and json.loads(written) == {"name": text}
        written.encode(encoding)


def test_names_on_the_pi(card: Path, tmp_path: Path) -> None:
    (_, taught, asked), *_ = write_pictures(tmp_path, 1)
    script = f"teach {taught} '{NASTY}'\nask {asked}\nmem show\nrename '{NASTY}' 'b{NASTY}'\nsay '{NASTY}'\nforget 'b{NASTY}'\n"
    text = console(card, script).stdout
    assert text.count(SHOWN) >= 6 and all(line.isprintable() for line in text.split("\n"))
    told, asked_for, shown, *_ = [json.loads(line) for line in console(card, script, "--json").stdout.split("\n")[:-1]]
    assert told["name"] == asked_for["name"] == shown["slots"][0]["name"] == NASTY


def test_names_in_errors(card: Path) -> None:
    for line in (
        f"forget '{NASTY}'",
        f"'{NASTY}'",
        f"mem '{NASTY}'",
        f"ask '{NASTY}'",
        f"help '{NASTY}'",
        f"forget '{NASTY}",
    ):
        done = console(card, f"{line}\n", check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stderr[:-1].isprintable(), done.stderr


class BoardThatSays:
    """The other end of a line: answers everything with the same bytes, a few at a time."""

    settle_s = 0.0

    def __init__(self, answer: bytes, size: int) -> None:
        self.pieces = [answer[i : i + size] for i in range(0, len(answer), size)]

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes:
        return self.pieces.pop(0)

    def close(self) -> None: ...


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_whatever_a_board_says(size: int) -> None:
    output = io.StringIO()
    answer = f"err {NASTY}\r\n  2 of 4 slots\nerror: no error\n"
    link = BoardLink(BoardThatSays(answer.encode() + b"\xff\nbitmar> ", size))
    BoardConsole(link, None, output=output).execute("mem show")
    assert output.getvalue() == f"err {SHOWN}\n  2 of 4 slots\nerror: no error\n\ufffd\n"
    link = BoardLink(BoardThatSays(f"error: {NASTY}\nbitmar> ".encode(), size))
    with pytest.raises(BitmarError) as error:
        BoardConsole(link, None, output=output).execute("mem show")
    assert error_line(error.value) == f"error: {SHOWN}"
    link = BoardLink(BoardThatSays(json.dumps({"name": NASTY}, ensure_ascii=False).encode() + b"\nbitmar> ", size))
    output = io.StringIO()
    BoardConsole(link, None, as_json=True, output=output).execute("mem show")
    assert not CONTROLS.search(output.getvalue()[:-1]) and json.loads(output.getvalue())["name"] == NASTY


def test_a_prompt_that_comes_late_is_no_answer() -> None:
    """A busy board on a serial port may answer the line that woke it after the first question was sent."""
    board = BoardThatSays(b"", 1)
    board.settle_s = 0.5
    board.pieces = [b"bitmar> ", b'{"word": "mem show"}\n', b"bitmar> "]
    assert BoardConsole(BoardLink(board), None, as_json=True).ask("mem show") == {"word": "mem show"}


def in_ascii(card: Path, lines: bytes, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """The console as a pipe with an output that is not UTF-8."""
    command = [sys.executable, "pipeline.py", "console", "--card", str(card), "--model", str(model()), *options]
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "BITMAR_RUNTIME": "ai-edge-litert"}
    return subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, env=clean | environment, timeout=120)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_answers_come_on_an_ascii_output(environment: dict[str, str], card: Path, tmp_path: Path) -> None:
    (_, taught, asked), *_ = write_pictures(tmp_path, 1)
    lines = f"teach {taught} 'café ☕'\nask {asked}\nmem show\n".encode()
    for options in ([], ["--json"]):
        done = in_ascii(card, lines, *options, **environment)
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        encoding = environment.get("PYTHONIOENCODING", "utf-8")
        text = done.stdout.decode("latin-1" if encoding == "latin-1" else "utf-8")
        if options:
            assert [json.loads(line)["name"] for line in text.split("\n")[:2]] == ["café ☕"] * 2
        else:
            assert any(form in text for form in ("café ☕", r"café \u2615", r"caf\xe9 \u2615"))
    done = in_ascii(card, "forget thé\n".encode(), **environment)
    assert done.returncode == 2 and done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1


def test_a_pipe_that_is_not_utf8(card: Path, tmp_path: Path) -> None:
    (_, taught, _), *_ = write_pictures(tmp_path, 1)
    done = in_ascii(card, f"teach {taught} caf".encode() + b"\xe9\n")
    assert done.returncode == 2 and b"not valid UTF-8" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("line", ["x" * (1 << 20), "forget " + "y" * (1 << 20), "ask " + "z/" * 3000, "'" * 8191])
def test_a_very_long_line(line: str, card: Path) -> None:
    before = contents(card)
    for result in (console(card, f"{line}\n", check=False), in_ascii(card, f"{line}\n".encode())):
        error = result.stderr if isinstance(result.stderr, str) else result.stderr.decode()
        assert result.returncode == 2 and error.startswith("error: ") and error.count("\n") == 1
        assert len(error) < 600 and ":1: " in error, error[:200]
    assert contents(card).keys() - before.keys() <= {
        f"bitmar_memory/{name}"
        for name in (
            "memory_backup.bin",
            "memory_index.bin",
            "memory_slots.bin",
            "memory_metadata.json",
            "history/000000.bin",
        )
    }


OPTIONS = [
    ("console", "--card", LONG),
    ("console", "--card", ".", "--model", LONG),
    ("console", "--card", ".", "--run", LONG),
    ("console", "--card", ".", "--script", LONG),
    ("console", "--target", "qemu", "--card", LONG),
    ("console", "--target", "teensy41", "--port", f"/dev/{LONG}"),
    ("bench", "--card", LONG),
    ("bench", "--model", LONG),
    ("deploy", "--target", "pi", "--out", LONG),
    ("deploy", "--target", "pi", "--model", LONG),
    ("deploy", "--target", "qemu", "--dry-run", "--config", LONG),
    ("deploy", "--target", LONG),
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options).replace(LONG, "LONG"))
def test_a_path_of_300_characters(options: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "pipeline.py"), *options]
    if "--model" not in options and "--run" not in options and "--config" not in options:
        command += ["--model", str(model())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 600, done.stderr
    assert not done.stdout and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "picture", [LONG, f"{LONG}.npy", f"{LONG}/1f353", f"noto/{'a' * 300}", "'a\0b'", "'a\0b.npy'", "."]
)
def test_a_picture_with_such_a_path(picture: str, card: Path) -> None:
    before = contents(card)
    done = console(card, f"teach {picture} thing\n", check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert "memory_slots.bin" in str(contents(card).keys() - before.keys()), "the card was opened, no more"
    assert not console(card, "mem show\n").stdout.startswith("0 ")
