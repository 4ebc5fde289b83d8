"""The firmware of a converted model: built by PlatformIO, measured from the linked file, flashed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.model_folder import check_files
from bitmar.model_format import GRAPHS, read_description

ROOT = Path(__file__).resolve().parents[1]
BUILDS = ROOT / "build" / "firmware"
QEMU_RUN = ROOT / "mcu_app" / "platforms" / "qemu_cortex_m7" / "qemu_run.py"
SETTINGS = {  # documented settings of PlatformIO: it asks nobody about itself
    "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
    "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "36500",
}
HOST_TOOLS = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-g++": "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "qemu-system-arm": "qemu-system-arm",
}
TEXT_SECTIONS = (".vectors", ".text", ".ARM.exidx", ".ARM.extab")
CONSTANT_SECTIONS = (".rodata", ".init_array", ".fini_array")
CODE_SECTIONS = (*TEXT_SECTIONS, *CONSTANT_SECTIONS, ".data")
RAM_SECTIONS = (".data", ".bss", ".noinit", ".stack_guard", ".stack")


@dataclass(frozen=True)
class Firmware:
    """A linked firmware and the plan that it was made from."""

    elf: Path
    environment: str
    plan: dict


def check_tools(environment: str) -> None:
    """BitmarError that names what is missing and how to install it."""
    missing = [name for name in ("platformio", "SCons") if importlib.util.find_spec(name) is None]
    if missing:
        raise BitmarError(f"{', '.join(missing)} not installed: pip install '.[mcu]'")
    tools = HOST_TOOLS if "qemu" in environment else {}  # a board's platform brings its own
    absent = [tool for tool in tools if not shutil.which(tool)]
    if absent:
        packages = " ".join(dict.fromkeys(" ".join(HOST_TOOLS[tool] for tool in absent).split()))
        raise BitmarError(f"{', '.join(absent)} not found: apt install {packages}")


def pio(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs PlatformIO with this Python, at the root of the project."""
    return subprocess.run(
        [sys.executable, "-m", "platformio", *arguments],
        cwd=ROOT,
        env=os.environ | SETTINGS | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def build(model: Path, environment: str = "qemu_cortex_m7", upload: bool = False) -> Firmware:
    """Builds the firmware for a model's folder; each model has a build folder of its own, so nothing is built twice.

    Raises:
      BitmarError: a tool or the registry is missing, the model does not fit the firmware, the compiler failed.
    """
    check_tools(environment)
    description = read_description(model)
    check_files(model, description["files"], GRAPHS)  # without a tokenizer too: sizes can be measured
    folder = BUILDS / description["model_hash"]
    targets = ["-t", "upload"] if upload else []
    done = pio(
        ["run", "-e", environment, *targets],
        {"BITMAR_MODEL": str(model.resolve()), "PLATFORMIO_BUILD_DIR": str(folder)},
    )
    if done.returncode:
        raise BitmarError(explain(environment, done.stdout + done.stderr))
    built = folder / environment
    return Firmware(built / "firmware.elf", environment, json.loads((built / "model" / "plan.json").read_text()))


def explain(environment: str, output: str) -> str:
    """The one line of PlatformIO's output that tells what went wrong."""
    if found := re.search(r"^UserSideException: (.* registry, which cannot be reached.*)$", output, re.MULTILINE):
        return found[1]
    if re.search(r"HTTPClientError|InternetConnectionError|UnknownPackageError|ConnectionError", output):
        return (
            f"environment {environment} needs packages from PlatformIO's registry, which stopped to answer: try again"
        )
    for pattern in (r"^error: (.*)$", r"^(.*: (?:fatal )?error: .*)$", r"^(.*(?:Error|error|overflowed).*)$"):
        if found := re.search(pattern, output, re.MULTILINE):
            return f"firmware {environment}: {found[1].strip()}"
    return f"firmware {environment}: PlatformIO failed: {output.strip().splitlines()[-1] if output.strip() else '?'}"


def sections(elf: Path) -> dict[str, int]:
    """Bytes of each section of the linked file."""
    output = subprocess.run(["arm-none-eabi-size", "-A", "-d", str(elf)], capture_output=True, text=True, check=True)
    rows = [line.split() for line in output.stdout.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def symbols(elf: Path) -> dict[str, int]:
    """Bytes of each variable in RAM, by its name without the C++ decoration."""
    output = subprocess.run(["arm-none-eabi-nm", "-S", "-C", str(elf)], capture_output=True, text=True, check=True)
    found: dict[str, int] = {}
    for line in output.stdout.splitlines():
        row = line.split(maxsplit=3)
        if len(row) == 4 and row[2] in "bBdD":
            found[row[3].split("::")[-1]] = found.get(row[3].split("::")[-1], 0) + int(row[1], 16)
    return found


def sections_bytes(elf: Path, names: tuple[str, ...]) -> int:
    """Bytes of some sections together."""
    found = sections(elf)
    return sum(found.get(name, 0) for name in names)


def code_bytes(elf: Path) -> int:
    """Flash beside the model: code, constants and the initial values of variables."""
    return sections_bytes(elf, CODE_SECTIONS)


def ram_bytes(elf: Path) -> int:
    """All of RAM: variables, arena, stack and its guard."""
    return sections_bytes(elf, RAM_SECTIONS)
