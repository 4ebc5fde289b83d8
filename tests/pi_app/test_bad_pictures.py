"""Property: pictures that would take the machine's memory are one line, exit code 2, and take none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bitmar.digests import model
from tests.bitmar.image_mutations import encoded, with_checksums
from tests.bitmar.runtimes import ROOT

KILOBYTES = 300_000
# runs a command, then writes the most RAM that it had: a process forked by a large one (pytest) begins with the parent's
MEASURED = """
import os, resource, sys
status = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def claiming(width: int, height: int) -> bytes:
    """A small PNG whose header says another size."""
    png = bytearray(encoded(Image.new("RGB", (8, 8)), "PNG"))
    png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return with_checksums(bytes(png))


def numbers(array: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, array)


def image(size: tuple[int, int], format: str, mode: str = "1", **options: object) -> Callable[[Path], None]:
    return lambda path: Image.new(mode, size).save(path, format, **options)


BAD: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "wide": ("a.png", image((30_000, 1), "PNG"), "30000x1 pixels, expected at most 16384 a side"),
    "high": ("a.png", image((1, 65_000), "PNG"), "1x65000 pixels, expected at most 16384 a side"),
    "large": ("a.png", image((9000, 9000), "PNG"), "9000x9000 pixels, expected at most"),
    "bomb": ("a.png", lambda p: p.write_bytes(claiming(2**31 - 1, 2**31 - 1)), "too large, expected at most"),
    "much RAM": ("a.png", image((7000, 7000), "PNG", compress_level=1), "take 441 MB to decode, expected at most 200"),
    "claims much": ("a.png", lambda p: p.write_bytes(claiming(5700, 5700)), "broken image"),
    "zeros": ("a.npy", numbers(np.zeros(768, np.float32)), "768 zeros"),
    "huge numbers": ("a.npy", numbers(np.full(768, 1e30)), "numbers up to 1e+30, expected at most 1e+06"),
    "huge array": ("a.npy", numbers(np.ones(10_000_000, np.uint8)), "10000128 bytes, expected 768 real numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line_and_little_ram(case: str, tmp_path: Path) -> None:
    name, write, message = BAD[case]
    write(tmp_path / name)
    (tmp_path / "card").mkdir()
    (tmp_path / "script.txt").write_text(f"ask {tmp_path / name}\n")
    command = [ROOT / "pipeline.py", "console", "--card", tmp_path / "card", "--script", tmp_path / "script.txt"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command, "--model", model()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert int(done.stdout.split()[-1]) < KILOBYTES
