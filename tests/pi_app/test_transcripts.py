"""Property: below every word in docs/cli.md stands what the console really says to it."""

from __future__ import annotations

from pi_app import words
from tools import transcripts


def test_the_transcripts_replay() -> None:
    assert transcripts.FILE.read_text(encoding="utf-8") == transcripts.play(), "run python tools/transcripts.py"
    assert list(transcripts.blocks()) == list(transcripts.TYPED) == [word.name for word in words.WORDS]
