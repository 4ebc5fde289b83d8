"""A progress bar for a terminal; one line at the end where the output is not a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
WIDTH = 28


def progress(items: Iterable[T], title: str, total: int | None = None, least: int = 0) -> Iterator[T]:
    """Yield `items`, drawing how many are done and the time left on stderr.

    total: how many they are, where they have no length; fewer than `least` are not worth a bar.
    """
    if total is None:
        assert isinstance(items, Sized)
        total = len(items)
    if total < least:
        yield from items
        return
    start, shown = time.monotonic(), 0.0
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


def in_threads(work: Callable[[T], R], items: Sequence[T], title: str) -> list[R]:
    """`work` of every item, in order, on all cores as far as it leaves the interpreter (Pillow and NumPy do), with a bar."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        started = [pool.submit(work, item) for item in items]
        return [each.result() for each in progress(started, title)]
    finally:
        pool.shutdown(cancel_futures=True)
