"""What TensorFlow and TensorFlow Lite say on their way, left out: notes that their C++ writes to file descriptor 2.

TF_CPP_MIN_LOG_LEVEL does not reach what is said before absl is initialised (oneDNN's note), nor the interpreter's
"INFO: Created ...". Lines of those kinds go; everything else passes, through a process of its own, so that the last words of
a crash pass too.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] "  # glog: info and warnings, not errors
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] "
    rb"|(INFO|VERBOSE): "
)


@contextmanager
def left_out() -> Iterator[None]:
    """Filter file descriptor 2 while the body runs; Python's own sys.stderr stays where it was, a terminal or not.

    To be entered before TensorFlow is imported, and before there are threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.stderr.flush()
    terminal = os.dup(2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command; what it says then passes
        _pass_on(reading, terminal)
        os._exit(0)
    os.close(reading)
    os.dup2(writing, 2)
    os.close(writing)
    before = sys.stderr
    sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1, encoding=before.encoding, errors="backslashreplace")
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(terminal, 2)  # closes the pipe: the child comes to its end
        os.close(terminal)
        os.waitpid(child, 0)


def _pass_on(reading: int, terminal: int) -> None:
    """Write every line that is no noise."""
    with os.fdopen(reading, "rb") as lines:
        for line in lines:
            if not NOISE.match(line):
                with suppress(OSError):  # the terminal may be gone
                    os.write(terminal, line)
