"""The pictures that things were taught with, as small JPEGs beside the memory: for people, never needed for an answer.

<card>/bitmar_thumbnails/<first 16 hex digits of the SHA-256 of the name>-<number of the write's state>.jpg

A file is written under another name, synced and then renamed: it is there whole or not at all. A missing or damaged one is a
thing without a picture. What is forgotten keeps its files while there is room, as the memory's history keeps the thing: an
undo brings both back.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bitmar.sha256 import sha256

FOLDER = "bitmar_thumbnails"
FORM = re.compile(r"([0-9a-f]{16})-([0-9]{1,10})\.jpg")
MOST_BYTES = 64 * 1024  # of one file
MOST_FILES = 2000
MOST_SHOWN = 6  # of a thing, the newest
JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def of_name(name: str) -> str:
    """What the files of a name begin with."""
    return sha256(name.encode()).hexdigest()[:16]


class Thumbnails:
    """The folder of thumbnails on a card; errors of the card are swallowed, as nothing depends on them.

    Args:
      card: the card's folder; None: nothing is kept.
    """

    def __init__(self, card: Path | None):
        self.folder = card / FOLDER if card else None

    def keep(self, name: str, state: int, jpeg: bytes) -> None:
        """Writes the picture that a name was taught with in a state."""
        if self.folder is None or len(jpeg) > MOST_BYTES:
            return
        part = self.folder / f"{of_name(name)}.part"
        with contextlib.suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            with part.open("wb") as file:
                file.write(jpeg)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / f"{of_name(name)}-{state}.jpg")
            self.drop_oldest()

    def copy(self, old: str, new: str, state: int) -> None:
        """What a renamed thing was taught with is shown under its new name too, from that state on."""
        for file in self.files().get(of_name(old), [])[-MOST_SHOWN:]:
            self.keep(new, state, self.read(file) or b"")
            state += 1  # a name of its own; later than the write is all that matters

    def files(self) -> dict[str, list[str]]:
        """The files of every name, oldest first."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder) if self.folder else ():
                if match := FORM.fullmatch(entry.name):
                    found[match[1]].append((int(match[2]), entry.name))
        return {name: [file for _, file in sorted(numbered)] for name, numbered in found.items()}

    def shown(self, names: Iterable[str], until: int | None = None) -> dict[str, list[str]]:
        """The newest files of each name, up to a state."""
        files = self.files()
        return {
            name: [f for f in files.get(of_name(name), []) if until is None or state_of(f) <= until][-MOST_SHOWN:]
            for name in names
        }

    def read(self, file: str) -> bytes | None:
        """A file's JPEG; None where there is none, or where it is something else: the card may come from anywhere."""
        if self.folder is None or not FORM.fullmatch(file):
            return None
        try:
            with open(self.folder / file, "rb", opener=not_a_link) as stream:
                content = stream.read(MOST_BYTES + 1)
        except OSError:
            return None
        whole = content.startswith(JPEG_START) and content.endswith(JPEG_END)
        return content if whole and len(content) <= MOST_BYTES else None

    def drop_oldest(self) -> None:
        """Keeps the folder from growing for ever."""
        files = [file for group in self.files().values() for file in group]
        for file in sorted(files, key=state_of)[: max(0, len(files) - MOST_FILES)]:
            (self.folder / file).unlink(missing_ok=True)


def state_of(file: str) -> int:
    """The state in a file's name."""
    return int(FORM.fullmatch(file)[2])


def not_a_link(path: str, flags: int) -> int:
    """An opener that neither follows a link nor waits for the other end of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
