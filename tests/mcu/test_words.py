"""Property: the board's console knows the words of the Pi's console, with the same arguments and explanations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from deploy.board.console import LINE_KEYS, BoardConsole, quoted
from pi_app import words
from tests.mcu.conftest import Board

ROOT = Path(__file__).resolve().parents[2]
ON_BOARDS_ALONE = {"pixels", "digest", "provoke"}  # how a picture is sent; for tests


def board_words() -> dict[str, tuple[str, str]]:
    """Usage and explanation of every word in the firmware's table."""
    source = (ROOT / "mcu_app" / "src" / "app" / "parse.cpp").read_text(encoding="utf-8")
    table = source[source.index("const Word kWords[]") : source.index("const uint32_t kWordCount")]
    texts = r'"((?:[^"\\]|\\.)*)"'
    rows = re.findall(rf"\{{{texts},\s*{texts},\s*{texts}", table)
    return {name: (usage, summary) for name, usage, summary in rows if not name.startswith("--")}


def test_the_tables_are_equal() -> None:
    board = board_words()
    shared = [word for word in words.WORDS if word.name not in words.NOT_ON_BOARDS]
    assert set(board) - ON_BOARDS_ALONE == {word.name for word in shared}
    for word in shared:
        assert board[word.name] == (word.usage, word.summary)


@pytest.mark.parametrize("text", ["plain", "two words", 'a "quoted" one', "back\\slash", "#hash", "it's", "tab\there"])
def test_any_text_reaches_the_board_as_one_argument(text: str, shared: Board) -> None:
    """`rename` of something unknown repeats nothing, `forget` repeats the name it looked for."""
    answer = shared.ask(f"forget {quoted(text)}")
    assert answer.get("error") or answer["name"] == " ".join(text.split())
    named = shared.ask(f"say {quoted(text)}")
    assert named["word"] == "say"


@pytest.mark.parametrize("key", LINE_KEYS)
def test_what_ends_or_edits_a_line_is_not_sent(key: str) -> None:
    console = BoardConsole(link=None, pictures=None)
    call = words.Call(words.find_word(["forget"])[0], (f"a{key}b",), frozenset())
    with pytest.raises(BitmarError, match=rf"forget: U\+00{ord(key):02X} "):
        console.board_line(call)


def test_a_word_that_boards_do_not_have() -> None:
    for name in words.NOT_ON_BOARDS:
        with pytest.raises(BitmarError, match=f"{name}: not on a board"):
            BoardConsole(link=None, pictures=None).execute(name)


def test_lines_for_the_board_parse_like_the_pi() -> None:
    console = BoardConsole(link=None, pictures=None)
    call = words.parse('rename "a \\"b\\"" \'c d\'')
    assert words.parse(console.board_line(call)) == call
