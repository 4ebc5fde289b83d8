"""Packages the Pi app with libbitmar.so, compiled for this machine or, with $CC and $BITMAR_ARCH, for another.

pip install '.[pi]'
CC=aarch64-linux-gnu-gcc BITMAR_ARCH=aarch64 pip wheel --no-deps .
"""

import json
import os
import platform
import shutil
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

MODELS = Path(__file__).resolve().parent / "models"


def copy_models(target: Path) -> None:
    """The shipped models, as far as a device reads them: model.json and the files that it lists."""
    for file in sorted(MODELS.glob("*/model.json")):
        folder = target / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in (file.name, *json.loads(file.read_text(encoding="utf-8"))["files"]):
            shutil.copyfile(file.with_name(name), folder / name)


class BuildWithLibrary(build_py):
    """build_py that also compiles libbitmar.so and copies the shipped models; an editable install needs neither."""

    def run(self) -> None:
        super().run()
        if not getattr(self, "editable_mode", False):
            package = Path(self.build_lib) / "bitmar"
            build.build(package / "native" / build.NAME, strict=False)
            copy_models(package / "models")


class PlatformWheel(bdist_wheel):
    """A wheel for any Python 3 on one architecture: the library is loaded by ctypes, not linked against Python."""

    def get_tag(self) -> tuple[str, str, str]:
        arch = os.environ.get("BITMAR_ARCH") or platform.machine()
        return "py3", "none", f"linux_{arch}"


class BinaryDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(distclass=BinaryDistribution, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
