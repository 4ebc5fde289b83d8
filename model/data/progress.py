"""A progress bar for a terminal; one line at the end where the output is not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")
WIDTH = 28


def progress(items: Iterable[T], title: str) -> Iterator[T]:
    """Yield `items` (which must have a length), drawing how many are done and the time left on stderr."""
    assert isinstance(items, Sized)
    total, start, shown = len(items), time.monotonic(), 0.0
    terminal = sys.stderr.isatty()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if terminal and (now - shown > 0.1 or done == total):
            shown = now
            filled = WIDTH * done // total
            left = (now - start) * (total - done) / done
            sys.stderr.write(
                f"\r{title:<28} [{'=' * filled}{' ' * (WIDTH - filled)}] {done}/{total}  {left:4.0f} s left "
            )
    if terminal and total:
        sys.stderr.write("\n")
    elif total:
        print(f"{title}: {done} in {time.monotonic() - start:.1f} s", file=sys.stderr)
