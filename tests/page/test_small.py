"""Property: what is left out and given back changes nothing that the page does; the other tests run with it."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitmar.eye import pixels_of
from pi_app.page.shown import reduced
from pi_app.page.small import StandIn, unwritten
from tests.bitmar.runtimes import ROOT

SMAPS = """\
00400000-00452000 r-xp 00000000 08:02 173521      /usr/lib/code.so
Rss:                 892 kB
Anonymous:             0 kB
00651000-00652000 r--p 00051000 08:02 173521      /usr/lib/relocated.so
Anonymous:             4 kB
00652000-00655000 rw-p 00052000 08:02 173521      /usr/lib/data.so
Anonymous:             0 kB
00655000-00656000 r--p 00000000 00:00 0
Anonymous:             0 kB
00656000-00657000 r--s 00000000 08:02 173522      /shared
Anonymous:             0 kB
00658000-0065a000 r--p 00001000 08:02 173523      /a file with spaces
Anonymous:             0 kB
"""


def test_only_unwritten_pages_of_files_are_given_back() -> None:
    assert list(unwritten(SMAPS)) == [(0x400000, 0x452000), (0x658000, 0x65A000)]


def test_what_is_given_back_comes_back(tmp_path: Path) -> None:
    """In a process of its own: everything that is loaded still works, and a mapped file has its content."""
    code = """
import mmap, sys, zlib
import numpy as np
from PIL import Image
from pi_app.page.small import give_back_libraries, leave_out, tidy_heap
leave_out(); tidy_heap()
from pi_app.page import server
file = open(sys.argv[1], "rb")
mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
before = zlib.crc32(mapped), (np.arange(9.0).reshape(3, 3) @ np.ones(3)).tolist()
give_back_libraries()
assert (zlib.crc32(mapped), (np.arange(9.0).reshape(3, 3) @ np.ones(3)).tolist()) == before
assert {"_ssl", "_hashlib", "click", "multiprocessing"}.isdisjoint(name for name, module in sys.modules.items() if module)
"""
    (tmp_path / "file").write_bytes(np.random.default_rng(1).bytes(5 * mmap.PAGESIZE))
    subprocess.run([sys.executable, "-c", code, tmp_path / "file"], cwd=ROOT, check=True)


def test_a_stand_in_has_classes_alone() -> None:
    ssl = StandIn("ssl", CERT_NONE=0)
    assert issubclass(ssl.SSLError, Exception) and ssl.SSLError is ssl.SSLError and ssl.CERT_NONE == 0
    assert not hasattr(ssl, "OP_ALL") and not hasattr(ssl, "create_default_context")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (70, 64), (33, 129)])
def test_pixels_in_strips_are_the_same(mode: str, size: tuple[int, int]) -> None:
    channels = len(mode)
    noise = np.random.default_rng(2).integers(0, 256, (size[1], size[0], channels), np.uint8)
    assert np.array_equal(pixels_of(Image.fromarray(noise, mode)), noise)


def test_a_small_copy_keeps_its_shape() -> None:
    image = Image.new("RGB", (800, 300))
    assert reduced(image, 480).size == (480, 180) and reduced(image, 800) is image
    assert reduced(Image.new("RGBA", (2000, 1), (0, 0, 0, 0)), 160).getpixel((0, 0)) == (255, 255, 255)
