"""What every command line of ours does alike: options in, an exit code out, an error as one line."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from bitmar.errors import BitmarError
from pi_app.terminal import error_line, printable


class Parser(argparse.ArgumentParser):
    """Wrong options are one line too, like every other error; `--help` prints the usage."""

    def error(self, message: str) -> NoReturn:
        raise BitmarError(f"{self.prog}: {message}; see {self.prog} --help")


def prepare_streams() -> None:
    """Standard streams that take any text: what the output cannot show is escaped, what comes from a pipe is UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape", encoding=None if sys.stdin.isatty() else "utf-8")


class Notes(logging.Handler):
    """What the device remarks (`bitmar.image_file`): a line on stderr as it is at that moment, `note: ...`."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        print(f"note: {printable(record.getMessage())}", file=sys.stderr, flush=True)


def os_error(error: OSError) -> str:
    """What the system says, and about which file."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"


def guarded(command: Callable[[], int]) -> int:
    """Runs a command: its exit code, 2 after an error (one line), 130 after Ctrl-C, 1 where nobody reads any more."""
    prepare_streams()
    if not (log := logging.getLogger("bitmar")).handlers:
        log.addHandler(Notes())
    try:
        return command()
    except BitmarError as error:
        print(error_line(error), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a path or disk that nobody foresaw
        print(error_line(BitmarError(os_error(error))), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
