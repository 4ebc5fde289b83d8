"""NOTICE: where the downloaded data comes from and under which licence; written beside the data."""

from __future__ import annotations

from model.data.packages import Package

HEAD = """\
NOTICE

This folder was made by `pipeline.py data` from the packages below. They are not part of BitMar Edge and keep their own licences.
The drawings were rendered, cropped and turned into 768 numbers each; names were lower-cased.
"""
SHARE_ALIKE = "Share-alike: used for testing only, never trained on."
TERMS = {
    "MIT": "https://opensource.org/license/mit",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "GPL-2": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html",
    "public domain": "none; the Jargon File asks to be cited by its version",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}
WORDNET_TERMS = (
    "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. The full licence stands at the head of "
    "downloads/wordnet-base/usr/share/wordnet/index.noun."
)


def notice(sources: list[Package]) -> str:
    """The text of NOTICE."""
    parts = [HEAD]
    for source in sources:
        lines = [
            f"{source.name} {source.version} ({source.registry})",
            f"  use:     {source.use}",
            f"  author:  {source.author}",
            f"  licence: {source.licence}",
            f"  terms:   {TERMS.get(source.licence, WORDNET_TERMS)}",
        ]
        if source.licence == "CC-BY-SA-4.0":
            lines.append(f"  {SHARE_ALIKE}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
