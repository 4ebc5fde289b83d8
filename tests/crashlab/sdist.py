"""C sources of other projects, out of PyPI's source packages: fetched when they are needed, kept in build/, never committed."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

DOWNLOADS = Path(__file__).resolve().parents[2] / "build" / "sdist"
PACKAGES = {"fatfs": "0.1.2", "littlefs-python": "0.19.0"}


def fetch(package: str) -> Path:
    """The unpacked source package; downloaded by pip the first time. Raises CalledProcessError without a network."""
    stem = f"{package.replace('-', '_')}-{PACKAGES[package]}"
    folder = DOWNLOADS / stem
    if folder.exists():
        return folder
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        package,
    ]
    subprocess.run([*pip, "--dest", str(DOWNLOADS), f"{package}=={PACKAGES[package]}"], check=True, timeout=600)
    unpack(next(DOWNLOADS.glob(f"{stem}.tar.gz")), DOWNLOADS / "unpacking")
    (DOWNLOADS / "unpacking" / stem).rename(folder)
    return folder


def unpack(path: Path, folder: Path) -> None:
    """Files and folders of a tar archive, into `folder`; ValueError at anything else and at a name that leads out of it.

    `extractall(filter="data")` would do; Debian 12's Python 3.11.2 does not have it.
    """
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
                raise ValueError(f"{path}: {member.name!r}, expected files and folders below the archive's own")
            if member.isfile():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())


def fatfs() -> tuple[list[Path], Path]:
    """FatFs' C files and a folder with its headers, configured for exFAT, long names, preallocation and no clock."""
    source = fetch("fatfs") / "foreign" / "fatfs" / "source"
    out = DOWNLOADS / "fatfs_configured"
    out.mkdir(exist_ok=True)
    settings = {
        "FF_FS_EXFAT": 1,
        "FF_USE_CHMOD": 1,
        "FF_USE_EXPAND": 1,
        "FF_FS_NORTC": 1,
        "FF_USE_LFN": 1,
        "FF_USE_MKFS": 1,
        "FF_CODE_PAGE": 437,
        "FF_FS_LOCK": 0,
    }
    settings |= {"FF_VOLUMES": 1, "FF_MAX_SS": 512, "FF_MIN_SS": 512, "FF_FS_REENTRANT": 0, "FF_LFN_UNICODE": 0}
    for path in [*source.glob("ff*.c"), *source.glob("*.h")]:
        text = path.read_text(errors="replace")
        if path.name == "ffconf.h":
            for name, value in settings.items():
                text = re.sub(rf"(#define\s+{name})\s+\S+", rf"\1 {value}", text)
        target = out / path.name
        if not target.exists() or target.read_text(errors="replace") != text:
            target.write_text(text)
    return [out / "ff.c", out / "ffunicode.c"], out
