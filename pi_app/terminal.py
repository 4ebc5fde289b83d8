"""What may go to a terminal, and in which form: names come from cards and files, and may hold anything.

Control characters are escaped wherever a person reads: `\\x1b` for the controls of ASCII and Latin-1, `\\u202e` for those that
turn, hide or break text. JSON objects keep JSON's own escapes, for these characters too. The board's console does the same
(mcu_app/src/app/text.cpp).
"""

from __future__ import annotations

import json
import re
from typing import Any, TextIO

# general categories Cc, Cf, Zl and Zp of Unicode 15, and surrogates, which no terminal can show
CONTROLS = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064"
    "\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
ERROR_CHARACTERS = 500  # of an error's line; of a longer one the beginning and the end are shown
ERROR_END = 120


def printable(text: str) -> str:
    """The text on one line, its control characters escaped as Python does it."""
    return CONTROLS.sub(lambda match: escape(ord(match[0])), text)


def escape(code: int) -> str:
    """A code point as \\xNN, \\uNNNN or \\UNNNNNNNN."""
    return f"\\x{code:02x}" if code < 0xA0 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_line(value: Any, stream: TextIO) -> str:
    """A JSON object on one line: letters as they are where the stream can show them, control characters as \\uNNNN."""
    text = CONTROLS.sub(lambda match: json_escape(match[0]), json.dumps(value, ensure_ascii=False))
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    return text


def json_escape(character: str) -> str:
    """A character as \\uNNNN, or two of them where it has more than 16 bits."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def error_line(error: BaseException) -> str:
    """`error: ...` on one line of a sensible length."""
    text = printable(str(error))
    if len(text) > ERROR_CHARACTERS:
        text = f"{text[: ERROR_CHARACTERS - ERROR_END]} ...({len(text)} characters)... {text[-ERROR_END:]}"
    return f"error: {text}"
