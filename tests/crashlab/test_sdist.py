"""Property: unpacking a source package writes below its folder; a member that would not is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.crashlab.sdist import unpack

HOSTILE = {
    "absolute": ("/tmp/bitmar-escaped", tarfile.REGTYPE),
    "parent": ("package/../../escaped", tarfile.REGTYPE),
    "symbolic link": ("package/link", tarfile.SYMTYPE),
    "hard link": ("package/link", tarfile.LNKTYPE),
    "device": ("package/null", tarfile.CHRTYPE),
    "pipe": ("package/pipe", tarfile.FIFOTYPE),
}


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    """A tar.gz with these (name, type) members, each file of four bytes."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, 4 if kind == tarfile.REGTYPE else 0, "../../escaped"
            tar.addfile(info, io.BytesIO(b"text") if info.size else None)
    return path


def test_files_and_folders(tmp_path: Path) -> None:
    members = ("package", tarfile.DIRTYPE), ("package/src/a.c", tarfile.REGTYPE), ("package/..b", tarfile.REGTYPE)
    unpack(archive(tmp_path / "a.tar.gz", *members), tmp_path / "out")
    assert (tmp_path / "out/package/src/a.c").read_bytes() == (tmp_path / "out/package/..b").read_bytes() == b"text"


@pytest.mark.parametrize("case", HOSTILE)
def test_what_leads_out_is_refused(tmp_path: Path, case: str) -> None:
    path = archive(tmp_path / "a.tar.gz", HOSTILE[case])
    with pytest.raises(ValueError, match="expected files and folders"):
        unpack(path, tmp_path / "out")
    assert [p.name for p in tmp_path.rglob("*")] == ["a.tar.gz"] and not Path("/tmp/bitmar-escaped").exists()
