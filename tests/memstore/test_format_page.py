"""Property: the ten lines of Python in docs/sd-format.md read a card, and the page's file sizes are the real ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.memstore import native as n

PAGE = (n.ROOT / "docs" / "sd-format.md").read_text()


def test_the_pages_reader_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    episode, key = n.random_episode(rng)
    with n.opened(tmp_path / "m") as memory:
        memory.teach("café", episode, key)
    code = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]
    assert len(code.splitlines()) <= 10
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m")], capture_output=True, text=True, check=True)
    numbers = tuple(float(x) for x in episode[:4].astype(np.float16))
    assert done.stdout.strip() == f"0 café True {numbers}"


def test_the_pages_sizes() -> None:
    for column, shape in enumerate([(8, 128, 4), (16, 128, 8), (512, 256, 512)]):
        sizes, cfg = n.FileSizes(), n.config(*shape)
        n.library().ms_card_size(n.c.byref(cfg), n.c.byref(sizes))
        for name, field in (
            ("memory_slots.bin", "slots"),
            ("memory_index.bin", "index"),
            ("memory_backup.bin", "backup"),
            ("memory_metadata.json", "metadata"),
            ("history/000000.bin", "history"),
        ):
            row = re.search(rf"\| {name} \|(.*)\|", PAGE)[1].split("|")
            assert int(row[column].replace(",", "")) == getattr(sizes, field)
