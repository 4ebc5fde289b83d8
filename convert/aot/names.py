"""Names of a flatbuffer as they may stand in C."""

from __future__ import annotations

import re

KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return
short signed sizeof static struct switch typedef union unsigned void volatile while
bool catch class delete explicit export false friend mutable namespace new operator private protected public template this throw
true try typename using virtual
"""
RESERVED = frozenset(KEYWORDS.split())


def identifier(name: str) -> str:
    """A C (and C++) identifier: other characters become "_"; a leading digit or a keyword gets one more."""
    name = re.sub(r"[^0-9A-Za-z_]", "_", name) or "_"
    if name in RESERVED:
        return name + "_"
    return f"_{name}" if name[0].isdigit() else name


def comment(name: str) -> str:
    """A name that cannot end the comment that it stands in."""
    return re.sub(r"[^ -~]", "_", name).replace("*/", "*_").replace("/*", "_*")
