"""A Debian root folder of another architecture, from this machine's own apt sources, and wheels installed into it.

Needs apt-get, dpkg-deb and qemu-user-static; no root rights, no binfmt, no chroot. Everything is cached in build/aarch64/.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "aarch64"
PACKAGES = ("python3.11", "libstdc++6")
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

# XNNPACK's cpuinfo reads this file; qemu-user would show the host's
CPUINFO = "".join(
    f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
    "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
    for core in range(4)
)

APT_CONFIG = """Dir::State "{work}/state";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
"""


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """build/aarch64/NAME, made once by `make(folder)`; an interrupted one is made again."""
    CACHE.mkdir(parents=True, exist_ok=True)
    final = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as folder:
                fresh = Path(folder) / "new"
                fresh.mkdir()
                make(fresh)
                fresh.rename(final)
    return final


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:10]


def run(command: list[object], check: bool = True, **environment: str) -> None:
    result = subprocess.run(
        [str(part) for part in command], env={**os.environ, **environment}, capture_output=True, text=True
    )
    if check and result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")


def debian_root(arch: str = "arm64", packages: tuple[str, ...] = PACKAGES) -> Path:
    """A folder with Python and the C library of another architecture: run its programs with qemu-ARCH-static -L."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".apt-") as work:
            download(arch, packages, Path(work))
            for package in sorted(Path(work, "cache", "archives").glob("*.deb")):
                run(["dpkg-deb", "-x", package, folder])
        (folder / "proc").mkdir(exist_ok=True)
        (folder / "proc" / "cpuinfo").write_text(CPUINFO)

    return cached(f"root-{arch}-{digest(packages, CPUINFO)}", make)


def download(arch: str, packages: tuple[str, ...], work: Path) -> None:
    """Downloads packages and all that they need to work/cache/archives; apt sees an empty system."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "apt.conf").write_text(APT_CONFIG.format(work=work, arch=arch))
    environment = {"APT_CONFIG": str(work / "apt.conf")}
    run(["apt-get", "-q", "update"], check=False, **environment)  # one broken list of several: install decides
    run(["apt-get", "-q", "--download-only", "-y", "install", *packages], **environment)


def site_packages(name: str, requirements: tuple[str, ...], arch: str = "aarch64") -> Path:
    """A folder of wheels for CPython 3.11 on another architecture."""

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
        target = [
            "--implementation",
            "cp",
            "--python-version",
            "3.11",
            "--abi",
            "cp311",
            "--abi",
            "none",
            "--abi",
            "abi3",
        ]
        platforms = [option for tag in PLATFORMS for option in ("--platform", f"{tag}_{arch}")]
        run([*pip, *target, *platforms, "--target", folder, *requirements])

    return cached(f"site-{name}-{arch}-{digest(requirements)}", make)


def tools_missing() -> str | None:
    """The first of the tools that is not installed, or None."""
    return next((tool for tool in ("apt-get", "dpkg-deb", "qemu-aarch64-static") if not shutil.which(tool)), None)
