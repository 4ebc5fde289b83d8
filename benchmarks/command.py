"""How a benchmark ends that takes files and keys from its user."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bitmar.errors import BitmarError


def run(main: Callable[[], int]) -> None:
    """Exit with what `main` returns; bad input is one line and exit code 1."""
    try:
        sys.exit(main())
    except BitmarError as error:
        sys.exit(f"error: {error}")
