"""A card's memory as one file: packed for download, and checked before an uploaded one takes the old one's place.

The file is a zip of bitmar_memory/. An uploaded one may come from anyone: only the memory's own files are taken from it, none
larger than the card has room for, and then memstore itself must find it whole and of this model.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.memory import FOLDER, Memory, Shape

MEMBER = re.compile(r"bitmar_memory/(memory_(slots|index|backup)\.bin|memory_metadata\.json|history/[0-9]{6}\.bin)")
NEEDED = tuple(f"{FOLDER}/memory_{part}.bin" for part in ("slots", "index", "backup"))
MOST_MEMBERS = 4096
MOST_BYTES = 2_000_000_000
SPARE = 0.9  # of the card's free room may be filled
OLD = f"{FOLDER}.old"
INCOMING = ".bitmar_incoming"
BLOCK = 1 << 20


def pack(card: Path, target: Path) -> None:
    """The memory's files of a flushed memory into a zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for file in sorted((card / FOLDER).rglob("*")):
            name = file.relative_to(card).as_posix()
            if file.is_file() and MEMBER.fullmatch(name):
                packed.write(file, name)


def unpack(packed: Path, card: Path, shape: Shape) -> Path:
    """An uploaded memory beside the old one, known to be good; the folder that it is in.

    Raises:
      BitmarError: not such a file, damaged, another model's, or too large for the card; nothing is left of it.
    """
    base = card / INCOMING
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, base, ignore_errors=True)
        try:
            shutil.rmtree(base, ignore_errors=True)
            base.mkdir()
            extract(packed, base)
            with Memory(base, shape, create=False) as memory:
                report, lost = memory.verify()
                if lost:
                    raise BitmarError(f"uploaded card: damaged ({report}), expected a memory without losses")
            sync_tree(base)
        except zipfile.BadZipFile as error:
            raise BitmarError(f"uploaded card: broken ({error}), expected a file that was downloaded here") from None
        except OSError as error:
            raise BitmarError(f"uploaded card: cannot be unpacked ({error.strerror or error})") from None
        undo.pop_all()
    return base / FOLDER


def extract(packed: Path, base: Path) -> None:
    """The memory's files out of the zip; never more bytes than were announced, nor than there is room for."""
    room = shutil.disk_usage(base).free * SPARE
    with zipfile.ZipFile(packed) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        strange = [name for name in names if not MEMBER.fullmatch(name)]
        if strange or len(set(names)) != len(names) or len(names) > MOST_MEMBERS:
            found = repr(strange[0][:80]) if strange else f"{len(names)} files"
            raise BitmarError(f"uploaded card: {found}, expected the files of {FOLDER}/ alone")
        if missing := [name for name in NEEDED if name not in names]:
            raise BitmarError(f"uploaded card: {missing[0]} is missing")
        if (total := sum(member.file_size for member in members)) > min(room, MOST_BYTES):
            raise BitmarError(f"uploaded card: {total} bytes, expected at most {min(room, MOST_BYTES):.0f}")
        for member in members:
            extract_one(archive, member, base / member.filename)


def extract_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """One file, as long as its entry says at most."""
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BitmarError(f"uploaded card: {member.filename} is encrypted or packed otherwise, expected deflate")
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with archive.open(member) as source, target.open("xb") as file:
        while piece := source.read(min(BLOCK, left + 1)):
            if (left := left - len(piece)) < 0:
                raise BitmarError(f"uploaded card: {member.filename} is longer than it says")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def exchange(card: Path, fresh: Path) -> str:
    """The fresh memory in the old one's place, which is kept beside it; its folder's name.

    Both are closed. A cut between the two renames leaves the old one as `.old`: `finish_exchange` puts it back.
    """
    shutil.rmtree(card / OLD, ignore_errors=True)
    (card / FOLDER).rename(card / OLD)
    fresh.rename(card / FOLDER)
    sync_folder(card)
    shutil.rmtree(fresh.parent, ignore_errors=True)
    return OLD


def finish_exchange(card: Path) -> None:
    """After a cut: no memory, but the old one beside it."""
    if not (card / FOLDER).exists() and (card / OLD).is_dir():
        (card / OLD).rename(card / FOLDER)
    shutil.rmtree(card / INCOMING, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Every folder's entries on the card."""
    for parent, _, _ in os.walk(folder):
        sync_folder(Path(parent))


def sync_folder(folder: Path) -> None:
    """A folder's entries on the card, where its file system can."""
    file = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(file)
    finally:
        os.close(file)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for what comes and goes. $TMPDIR says where, if RAM is short."""
    return tempfile.TemporaryDirectory(prefix="bitmar-card-")
