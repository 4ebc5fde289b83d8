"""Property: docs/cli.md lists every option of every command, and none that is gone."""

from __future__ import annotations

from tools import cli_reference


def test_the_manual_is_what_the_parsers_say() -> None:
    page = cli_reference.PAGE.read_text(encoding="utf-8")
    assert page == cli_reference.page(), "out of date: run python tools/cli_reference.py"
