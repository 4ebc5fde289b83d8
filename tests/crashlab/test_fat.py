"""Property: on a real FAT volume (FatFs), cut, torn or reordered at the level of the disk's sectors, the memory is the old
or the new one, the file system is never written by a teach, and mtools and the independent reader see the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crashlab import emulator, sdist
from tests.crashlab.laboratory import HERE
from tests.memstore import native
from tests.memstore.reader import read_memory


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        sources, headers = sdist.fatfs()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("FatFs' source could not be downloaded from PyPI")
    ours = sorted((HERE / "fat").glob("*.c"))
    # -w: FatFs is not ours to warn about
    return native.build(
        "fat_lab", [*ours, *native.SOURCES, *sources], flags=["-w", "-I", str(headers), "-I", str(HERE / "fat")]
    )


@pytest.mark.parametrize(("shape", "things"), [("ultra_tiny", 12), ("tiny_edge", 18)])
def test_cuts_on_a_fat_volume(program: Path, tmp_path: Path, shape: str, things: int) -> None:
    slots, dim, hot = emulator.SHAPES[shape]
    image = tmp_path / "card.img"
    command = [program, *map(str, (slots, dim, hot, things)), image]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["violations"] == 0 and counts["scenarios"] > 90 * things
    assert counts["data_sectors"] <= 4 * things and counts["barriers"] == things
    assert counts["directory_sectors"] == 0, "the file system is not written in normal use"
    if shutil.which("mcopy"):
        subprocess.run(["mcopy", "-s", "-n", "-i", image, "::bitmar_memory", tmp_path], check=True)
        memory = read_memory(tmp_path / "bitmar_memory")
        assert not memory.lost and emulator.found(memory) == emulator.expected(things, slots, dim)
        with native.opened(tmp_path / "bitmar_memory", native.config(slots, dim, hot, segment_bytes=430000)) as opened:
            assert opened.report.kept == native.CLEAN and len(opened.names()) == min(slots, things)
