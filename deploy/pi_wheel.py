"""The Pi app as a wheel for another architecture, and as an sdist."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from bitmar.errors import BitmarError

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = 77
PACKAGE_FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE")
PACKAGE_FOLDERS = (  # without models/: a bundle has its model beside the wheel
    "bitmar",
    "pi_app",
    "kernels",
    "ops",
    "picture",
    "memstore/include",
    "memstore/src",
    "memstore/posix",
    "tokenizer/include",
    "tokenizer/src",
)


@dataclass(frozen=True)
class Architecture:
    """A kind of Pi: the wheel's tag and the compilers that build for it."""

    tag: str
    gcc: str
    zig_target: str  # glibc 2.28: Raspberry Pi OS from 2019 on

    def compiler(self) -> str:
        """The value of $CC: this machine's own compiler, Debian's cross compiler, or zig.

        Raises:
          BitmarError: none is installed.
        """
        if platform.machine() == self.tag and shutil.which("cc"):
            return "cc"
        if shutil.which(self.gcc):
            return self.gcc
        if find_spec("ziglang"):
            return f"{shlex.quote(sys.executable)} -m ziglang cc -target {self.zig_target}"
        package = f"gcc-{self.gcc.removesuffix('-gcc')}"
        raise BitmarError(f"no compiler for {self.tag}: apt install {package}, or pip install ziglang")


ARCHITECTURES = {
    "aarch64": Architecture("aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu.2.28"),
    "armv7l": Architecture("armv7l", "arm-linux-gnueabihf-gcc", "arm-linux-gnueabihf.2.28"),
    "x86_64": Architecture("x86_64", "x86_64-linux-gnu-gcc", "x86_64-linux-gnu.2.28"),
}


def build_distributions(arch: str, out: Path) -> tuple[Path, Path]:
    """Builds (wheel, sdist) of the Pi app in `out`.

    Raises:
      BitmarError: an unknown architecture, no compiler, or the build's last line.
    """
    if arch not in ARCHITECTURES:
        raise BitmarError(f"--arch {arch}: expected {', '.join(ARCHITECTURES)}")
    environment = {**os.environ, "CC": ARCHITECTURES[arch].compiler(), "BITMAR_ARCH": arch}
    with tempfile.TemporaryDirectory(prefix="bitmar-package-") as folder:
        source = Path(folder) / "source"
        copy_package(source)
        for kind in ("sdist", "bdist_wheel"):
            command = [*setuptools_python(), "setup.py", "-q", kind, "-d", str(out.resolve())]
            result = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
            if result.returncode:
                lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
                raise BitmarError(f"{kind} of the Pi app failed: {lines[-1]}")
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def setuptools_python() -> list[str]:
    """This Python, if its setuptools can read pyproject.toml (an SPDX licence needs 77)."""
    try:
        found = version("setuptools")
    except PackageNotFoundError:
        found = "none"
    if found == "none" or int(found.split(".")[0]) < SETUPTOOLS:
        raise BitmarError(f"{sys.executable} has setuptools {found}: pip install 'setuptools>={SETUPTOOLS}' wheel")
    return [sys.executable]


def copy_package(target: Path) -> None:
    """Copies what the sdist is made of, so that building leaves nothing in the checkout."""
    ignore = shutil.ignore_patterns("__pycache__", "*.so", "*.o")
    for folder in PACKAGE_FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    for file in PACKAGE_FILES:
        if (ROOT / file).exists():
            shutil.copy(ROOT / file, target / file)
