"""Property: on SdFat, FAT16 and exFAT, a card that is cut off, pulled out, failing, full or read-only costs the Teensy's memory
nothing that was acknowledged; the port says what it is, ends, and finds all of its files again.

The port's real source runs over a fake SdFat (tests/crashlab/sdfat/) on FatFs. With SDFAT=FOLDER, a checkout of the library, the
same scenarios run over SdFat's own sources."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.crashlab import sdfat_program

EVERY = {"life": 1, "cut": 40, "pulled": 11, "failing": 41, "full": 60, "read_only": 1, "strange": 1, "watchdog": 1}
FEWEST = {"cut": 60, "pulled": 15, "failing": 12, "full": 10}


@pytest.fixture(scope="module")
def programs() -> list[Path]:
    try:
        fake = sdfat_program.fake()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("FatFs' source could not be downloaded from PyPI")
    checkout = os.environ.get("SDFAT")
    return [fake, sdfat_program.real(Path(checkout))] if checkout else [fake]


def run(programs: list[Path], scenario: str, form: str, every: int) -> None:
    for program in programs:
        done = subprocess.run([program, scenario, form, str(every)], capture_output=True, text=True, timeout=1000)
        assert done.returncode == 0, f"{program.name}\n{done.stdout}{done.stderr}"
        tried = int(re.search(r"(\d+) scenarios, 0 violations", done.stdout)[1])
        assert tried >= FEWEST.get(scenario, 1)


@pytest.mark.parametrize("form", ["fat16", "exfat"])
@pytest.mark.parametrize("scenario", EVERY)
def test_the_port(programs: list[Path], scenario: str, form: str) -> None:
    """Scenarios as in lab.cpp; where something can happen at many points, a sample of them."""
    run(programs, scenario, form, EVERY[scenario])


@pytest.mark.parametrize("form", ["fat16-whole", "exfat-whole"])
def test_a_card_without_a_partition_table(programs: list[Path], form: str) -> None:
    run(programs, "life", form, 1)
    run(programs, "read_only", form, 1)


@pytest.mark.full
@pytest.mark.parametrize("form", ["fat16", "exfat"])
@pytest.mark.parametrize("scenario", FEWEST)
def test_every_point(programs: list[Path], scenario: str, form: str) -> None:
    run(programs, scenario, form, 1)
