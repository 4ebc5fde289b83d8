"""Build the SdFat laboratory: the Teensy's card port over SdFat, the fake one or its own sources, on a card in RAM."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.crashlab import sdist
from tests.crashlab.laboratory import HERE
from tests.memstore import native

OURS = HERE / "sdfat"
PORT = native.ROOT / "mcu_app" / "src" / "board_teensy"
TEENSY = native.ROOT / "tests" / "mcu" / "host" / "teensy_api.h"
SDFATS_OWN = ("FatLib", "ExFatLib", "FsLib", "common")


def fake() -> Path:
    """The program over tests/crashlab/sdfat/sdfat.cpp. Raises CalledProcessError where FatFs cannot be downloaded."""
    return _build("sdfat_lab", [OURS / "sdfat.cpp"], [])


def real(checkout: Path) -> Path:
    """The program over a checkout of SdFat (PJRC's 2.1.2): sources and caches as on a Teensy, without its drivers."""
    source = native.BUILD / "sdfat_source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(checkout / "src", source)
    config = source / "SdFatConfig.h"
    text = re.sub(r"(#define ENABLE_ARDUINO_\w+) 1", r"\1 0", config.read_text())
    config.write_text("struct __FlashStringHelper;\nunsigned millis();\n" + text)
    defines = {"SPI_DRIVER_SELECT": 3, "FAT12_SUPPORT": 1, "USE_SEPARATE_FAT_CACHE": 1, "USE_EXFAT_BITMAP_CACHE": 1}
    flags = [*(f"-D{name}={value}" for name, value in defines.items()), f"-I{OURS / 'real'}", f"-I{source}"]
    files = sorted(path for folder in SDFATS_OWN for path in (source / folder).glob("*.cpp"))
    return _build("sdfat_lab_real", files, flags)


def _build(name: str, sdfat: list[Path], flags: list[str]) -> Path:
    fatfs, headers = sdist.fatfs()
    arduino = native.BUILD / "arduino"
    arduino.mkdir(parents=True, exist_ok=True)
    (arduino / "Arduino.h").write_text(f'#include "{TEENSY}"\n')
    ours = [OURS / "lab.cpp", OURS / "ram_disk.cpp", PORT / "card_sdfat.cpp"]
    includes = [arduino, OURS, PORT, PORT.parents[1] / "include", TEENSY.parent, headers]
    # both languages in one call: each takes the -std that is its own; -w: FatFs and SdFat are not ours to warn about
    flags = ["-w", "-std=gnu++17", "-O1", *flags, *(f"-I{folder}" for folder in includes)]
    flags += ["-Wl,--no-as-needed", "-lstdc++", f"-Wl,-rpath,{native.BUILD}"]
    return native.build(name, [*ours, *sdfat, *fatfs, native.library_path()], flags=flags)
