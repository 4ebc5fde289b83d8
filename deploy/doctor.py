"""`pipeline.py doctor`: what this machine has, and what each part of the project needs it for."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bitmar.errors import BitmarError


@dataclass(frozen=True)
class Check:
    """One thing to look for. `find` returns what was found, or None."""

    name: str
    needed_for: str
    find: Callable[[], str | None]
    hint: str
    required: bool = False


def program(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


def package(module: str, distribution: str) -> Callable[[], str | None]:
    def find() -> str | None:
        if importlib.util.find_spec(module) is None:
            return None
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return "installed"

    return find


def python_version() -> str | None:
    return platform.python_version() if sys.version_info >= (3, 11) else None


def runtime() -> str | None:
    from bitmar.runtime import pick_runtime

    try:
        return pick_runtime()[0]
    except BitmarError:
        return None


def native_library() -> str | None:
    from bitmar.native import library

    try:
        return f"{library.checked_path()}, kernels: {library.load().bm_isa().decode()}"
    except BitmarError as error:
        print(f"libbitmar.so: {error}", file=sys.stderr)
        return None


CHECKS = (
    Check("python >= 3.11", "everything", python_version, "install Python 3.11", required=True),
    Check("numpy", "everything", package("numpy", "numpy"), "pip install .", required=True),
    Check("pillow", "image files", package("PIL", "pillow"), "pip install .", required=True),
    Check("cc", "building libbitmar.so", program("cc"), "apt install gcc"),
    Check("libbitmar.so", "the Pi app", native_library, "apt install gcc, or pip install a wheel", required=True),
    Check("a runtime", "the Pi app", runtime, "pip install '.[pi]' or '.[pi-tflite]'", required=True),
    Check("tensorflow", "train, convert", package("tensorflow", "tensorflow-cpu"), "pip install '.[train]'"),
    Check("keras", "train, convert", package("keras", "keras"), "pip install '.[train]'"),
    Check("resvg-py", "data", package("resvg_py", "resvg-py"), "pip install '.[train]'"),
    Check("platformio", "firmware", package("platformio", "platformio"), "pip install '.[mcu]'"),
    Check("arm-none-eabi-gcc", "firmware", program("arm-none-eabi-gcc"), "apt install gcc-arm-none-eabi"),
    Check("qemu-system-arm", "the emulated board", program("qemu-system-arm"), "apt install qemu-system-arm"),
    Check(
        "aarch64-linux-gnu-gcc",
        "bundles for a Pi",
        program("aarch64-linux-gnu-gcc"),
        "apt install gcc-aarch64-linux-gnu",
    ),
    Check("qemu-aarch64-static", "tests of bundles", program("qemu-aarch64-static"), "apt install qemu-user-static"),
    Check("ssh", "deploy --host", program("ssh"), "apt install openssh-client"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints what was found; 1 if something that the Pi app cannot do without is missing."""
    found = [(check, check.find()) for check in CHECKS]
    if args.json:
        print(json.dumps({check.name: {"found": value, "needed_for": check.needed_for} for check, value in found}))
    else:
        for check, value in found:
            print(f"{'ok     ' if value else 'missing'}  {check.name:22}  {value or check.hint}  ({check.needed_for})")
    return int(any(check.required and not value for check, value in found))
