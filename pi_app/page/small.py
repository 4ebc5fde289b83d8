"""Keeps the page's process small: what it never uses is not loaded, what it no longer uses goes back to the kernel.

Called before asyncio, uvicorn and starlette are imported, and before there are threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE = 128 * 1024  # bytes: what is larger has pages of its own, which go back when it is freed


class StandIn(ModuleType):
    """Stands where a module is asked for that is not loaded: its names are there, to be annotations and errors never raised."""

    def __init__(self, name: str, **names: object):
        super().__init__(name)
        vars(self).update(names)

    def __getattr__(self, name: str) -> type[Exception]:
        """A class of that name. AttributeError for names that are no class's: `hasattr` stays false for them."""
        if not name[:1].isupper() or name.isupper():
            raise AttributeError(f"{self.__name__}.{name}: not loaded in the page's process")
        setattr(self, name, type(name, (Exception,), {"__module__": self.__name__}))
        return vars(self)[name]


def leave_out() -> None:
    """Leaves out what the page's libraries import and the page never uses, where it is not loaded already.

    OpenSSL, 5 MB: the page speaks plain HTTP (docs/security.md). asyncio, hashlib and hmac do without it, as in a Python that was
    built so; uvicorn and anyio only name its classes. uvicorn's command line with click and multiprocessing, 2 MB. What reads a
    logging configuration, and the names of HTML's characters, for which Starlette's error pages have a use: 1 MB.
    """
    if "_ssl" not in sys.modules and "_hashlib" not in sys.modules:
        sys.modules |= {"ssl": None, "_hashlib": None}  # type: ignore[arg-type]  # None: an import of it is an ImportError
        import asyncio  # noqa: F401
        import hashlib  # noqa: F401
        import secrets  # noqa: F401

        sys.modules["ssl"] = StandIn("ssl", PROTOCOL_TLS_SERVER=16, CERT_NONE=0)
    if "uvicorn" not in sys.modules:
        sys.modules["uvicorn.main"] = StandIn("uvicorn.main", main=None, run=None)
        sys.modules.setdefault("logging.config", StandIn("logging.config"))
        if "html" not in sys.modules:
            sys.modules["html.entities"] = StandIn("html.entities", html5={})


def tidy_heap() -> None:
    """One heap for all threads, and pages of their own for large pieces: pictures come and go and leave no holes behind."""
    with contextlib.suppress(AttributeError, OSError):  # a C library without it
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE)):
            mallopt(ctypes.c_int(parameter), ctypes.c_int(value))


def give_back_libraries() -> None:
    """Lets the kernel have the pages of mapped files that nothing was written to: most served to start or to load alone.

    Those that are needed again come back from the page cache. Called where something large was loaded.
    """
    with contextlib.suppress(OSError, AttributeError):  # no /proc
        smaps = Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace")
        madvise = ctypes.CDLL(None).madvise
        for first, last in unwritten(smaps):
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def unwritten(smaps: str) -> Iterator[tuple[int, int]]:
    """Addresses (first, last + 1) of read-only mappings of files without a page of the process's own (proc_pid_smaps(5))."""
    for mapping in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +/", mapping)
        if head and re.search(r"^Anonymous: +0 kB$", mapping, flags=re.MULTILINE):
            yield int(head[1], 16), int(head[2], 16)
