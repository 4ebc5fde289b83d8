"""One running page for all tests that leave it as they found it, and fresh ones for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.browser import Browser
from tests.page.served import Served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts a page on the card of this test; all are ended."""
    running: list[Served] = []

    def start(*options: str | Path, **more: Any) -> Served:
        running.append(Served(tmp_path / "card", *options, **more))
        return running[-1]

    yield start
    for served in running:
        served.__exit__()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One page for the tests of a file."""
    with Served(tmp_path_factory.mktemp("page") / "card", "--host", "0.0.0.0") as served:
        yield served


@pytest.fixture(scope="package")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Browser]]:
    """A window of each width, for one test after the other: every page has an address of its own."""
    opened: dict[int, Browser] = {}

    def window(width: int) -> Browser:
        if width not in opened:
            opened[width] = Browser(width, tmp_path_factory.mktemp("downloads"))
        return opened[width]

    yield window
    for browser in opened.values():
        browser.close()


@pytest.fixture
def browser(width: int, windows: Callable[[int], Browser]) -> Iterator[Browser]:
    """A window of a width."""
    yield windows(width)
    windows(width).leave()
