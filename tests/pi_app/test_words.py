"""Property: one table of words: what it accepts is what `help` shows and what docs/cli.md describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitmar.errors import BitmarError
from pi_app import words
from pi_app.console import Console

CLI = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def example(word: words.Word) -> str:
    """A line with every argument and option of a word."""
    return " ".join([word.name, *(f"'{p} x'" for p in word.parameters), *word.options])


@pytest.mark.parametrize("word", words.WORDS, ids=lambda word: word.name)
def test_every_word_is_parsed_explained_and_documented(word: words.Word) -> None:
    call = words.parse(example(word))
    assert call is not None and call.word is word
    assert call.arguments == tuple(f"{p} x" for p in word.parameters) and call.options == set(word.options)
    assert word.usage in words.help_text() and word.usage in words.help_text(word.name)
    assert f"| `{word.usage}` | {word.summary} |" in CLI.read_text(encoding="utf-8")


def test_the_manual_has_no_other_words() -> None:
    section = CLI.read_text(encoding="utf-8").split("## The console's words")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)
    assert documented == [word.usage for word in words.WORDS]


def test_every_word_has_a_handler() -> None:
    assert set(Console(device=None).handlers) | {"quit"} == set(words.BY_NAME)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ('teach a.png "red apple"', ("a.png", "red apple")),
        ("teach a.png red apple --replace", ("a.png", "red apple")),
        ("teach 'my photo.png' apple", ("my photo.png", "apple")),
        ("rename 'red apple' apple", ("red apple", "apple")),
        ("say  a   red apple", ("a red apple",)),
        ("bench", (None,)),
        ("ask x.npy # a comment", ("x.npy",)),
        ("teach a.png Bob's car", ("a.png", "Bob's car")),
        ("say grandma's strawberry", ("grandma's strawberry",)),
        ("say the dogs' bowl isn't 'ere", ("the dogs' bowl isn't 'ere",)),
        ("say 'it's mine' # comment", ("it's mine",)),
        ("say 'tis rock 'n' roll", ("tis rock 'n roll",)),
        ("forget banana#2", ("banana#2",)),
        ("forget banana #2", ("banana",)),
        ('teach a.png "a \\"big\\" dog"', ("a.png", 'a "big" dog')),
        ('say a 5" pipe', ('a 5" pipe',)),
        (r"teach my\ photo.png AC\DC", ("my photo.png", r"AC\DC")),
        ("rename 'old name' a new name", ("old name", "a new name")),
        ("wrong Bob's other car", ("Bob's other car",)),
        ("say 'open", ("'open",)),
    ],
)
def test_quoting(line: str, arguments: tuple) -> None:
    assert words.parse(line).arguments == arguments


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("teech a b", "'teech' is not a word, expected teach, ask"),
        ("teach a.png", r"teach: 1 arguments, expected: teach PICTURE NAME \[--replace\] \[--both\] \[--keep\]"),
        ("ask", "ask: 0 arguments, expected: ask PICTURE"),
        ("ask a b", "ask: 2 arguments"),
        ("teach a.png b --force", "unknown option --force"),
        ("mem", "mem: nothing follows, expected show, verify"),
        ("mem erase", "mem: 'erase' follows"),
        ('say "open', "expected quotes in pairs"),
    ],
)
def test_mistakes_name_what_was_expected(line: str, message: str) -> None:
    with pytest.raises(BitmarError, match=message):
        words.parse(line)


@given(st.text(max_size=60))
def test_any_line_is_parsed_or_refused_in_one_line(line: str) -> None:
    try:
        words.parse(line)
    except BitmarError as error:
        assert "\n" not in str(error).replace(line.strip(), "")
