"""A JSON file that is one long list, read element by element: a file of any size in a few megabytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError

CHUNK = 1 << 20  # characters read at a time
SPACE = re.compile(r"[ \t\r\n]*")  # JSON's white space


def read_list(path: Path, what: str) -> Iterator[Any]:
    """The list's elements. `what` they are, for the errors. BitmarError if the file is missing, not JSON or not a list."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(CHUNK)
            while text and SPACE.fullmatch(text):
                text = file.read(CHUNK)
            start = SPACE.match(text).end()
            if text[start : start + 1] != "[":
                json.loads(text + file.read())  # not even JSON?
                raise BitmarError(f"{path}: expected a JSON list of {what}")
            yield from _elements(file, text, start + 1)
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}; expected a JSON list of {what}") from None
    except (ValueError, RecursionError) as error:
        raise BitmarError(f"{path}: not JSON ({error}), expected a list of {what}") from None


def _elements(file: Any, text: str, at: int) -> Iterator[Any]:
    """What follows the opening bracket at `text[at - 1]`; the rest of the text is still in the file."""
    decode, count, mark = json.JSONDecoder().raw_decode, 0, ""
    while mark != "]":
        try:
            start = SPACE.match(text, at).end()
            if not count and text[start : start + 1] == "]":
                at = start + 1
                break
            value, end = decode(text, start)
            past = SPACE.match(text, end).end()
            if (mark := text[past]) not in ",]":
                raise json.JSONDecodeError("expected , or ] behind it", text, past)
        except (IndexError, json.JSONDecodeError) as error:  # broken, or cut off here: what is left is read to tell
            more = file.read(max(CHUNK, len(text) - at))
            if not more:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "the list has no end"
                raise ValueError(f"entry {count}: {reason}") from None
            text, at = text[at:] + more, 0
            continue
        yield value
        count, at = count + 1, past + 1
    if (text[at:] + file.read()).strip():
        raise ValueError(f"something stands behind the list of {count}")
