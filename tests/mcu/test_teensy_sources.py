"""Property: the Teensy's sources compile for its processor, warnings as errors.

The core and SdFat come from PlatformIO's registry; tests/mcu/host/teensy_api.h and tests/crashlab/sdfat/SdFat.h declare what is
used of them. This finds what a compiler finds: it does not link and runs nothing (the card's port runs in
tests/crashlab/test_sdfat.py). docs/microcontroller.md says what was built with the real ones.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from convert.aot import generate
from tests.mcu.conftest import ROOT
from tests.mcu.host_cases import includes

API = ROOT / "tests" / "mcu" / "host" / "teensy_api.h"
SDFAT = ROOT / "tests" / "crashlab" / "sdfat" / "SdFat.h"
APP = ROOT / "mcu_app" / "src"
DEFINES = ["-DARDUINO=10819", "-DARDUINO_TEENSY41", "-D__IMXRT1062__", "-DBITMAR_ENGINE_AOT"]
FLAGS = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-Os", "-Wall", "-Wextra", "-Werror"]
# what the fault tests do on purpose
FLAGS += ["-Wno-error=array-bounds", "-Wno-error=infinite-recursion"]


def test_the_teensys_sources_compile(model: Path, tmp_path: Path) -> None:
    generate(model, tmp_path)
    headers = tmp_path / "headers"
    headers.mkdir()
    for name, header in (("Arduino.h", API), ("CrashReport.h", API), ("SdFat.h", SDFAT)):
        (headers / name).write_text(f'#include "{header}"\n')
    sources = [APP / "main.cpp", *sorted((APP / "board_teensy").glob("*.cpp"))]
    assert {path.name for path in sources} >= {"board.cpp", "card_sdfat.cpp"}
    command = [
        "arm-none-eabi-g++",
        "-mcpu=cortex-m7",
        "-mthumb",
        "-mfloat-abi=hard",
        "-mfpu=fpv5-d16",
        *FLAGS,
        *DEFINES,
    ]
    command += [f"-I{headers}", f"-I{APP}", f"-I{APP / 'app'}", *includes(tmp_path), "-c", *map(str, sources)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
