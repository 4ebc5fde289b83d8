"""Packages the Pi app with libbitmar.so, compiled for this machine or, with $CC and $BITMAR_ARCH, for another.

pip install '.[pi]'
CC=aarch64-linux-gnu-gcc BITMAR_ARCH=aarch64 pip wheel --no-deps .
"""

import os
import platform
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools < 70.1
    from wheel.bdist_wheel import bdist_wheel

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bitmar.native import build


class BuildWithLibrary(build_py):
    """build_py that also compiles libbitmar.so; an editable install builds it on first use."""

    def run(self) -> None:
        super().run()
        if not getattr(self, "editable_mode", False):
            build.build(Path(self.build_lib) / "bitmar" / "native" / build.NAME, strict=False)


class PlatformWheel(bdist_wheel):
    """A wheel for any Python 3 on one architecture: the library is loaded by ctypes, not linked against Python."""

    def get_tag(self) -> tuple[str, str, str]:
        arch = os.environ.get("BITMAR_ARCH") or platform.machine()
        return "py3", "none", f"linux_{arch}"


class BinaryDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(distclass=BinaryDistribution, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
