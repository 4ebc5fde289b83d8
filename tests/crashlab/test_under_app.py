"""Property: the Pi app's acknowledged words survive a power cut on a card that forgets whatever was not synced; and where any
call on the card fails, making and opening included, the app says so and what was acknowledged before is still there."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from tests.crashlab.under_app import rounds
from tests.crashlab.under_app.journal import Disk, Record, read_journal
from tests.memstore import native as n


def test_forty_power_cuts_under_the_app() -> None:
    result = rounds.run_rounds(40, seed=5)
    assert result["violations"] == []
    assert result["rounds"] == 40 and result["words"] > 6


def test_a_card_that_ignores_barriers_is_caught() -> None:
    assert rounds.run_rounds(10, seed=6, forget_barriers=True)["violations"]


def test_what_is_not_synced_is_gone(tmp_path: Path) -> None:
    """The layer itself: a store that never syncs loses everything."""
    disk = Disk()
    path = str(tmp_path / "a" / "file").encode()
    disk.take(Record("M", 0, 0, str(tmp_path / "a").encode()))
    disk.take(Record("C", 5, 0, path))
    disk.take(Record("W", 5, 0, b"written"))
    rng = random.Random(1)
    rng.random = lambda: 0.9  # nothing unsynced arrives
    disk.cut(rng, tmp_path, tmp_path / "unsynced")
    assert list((tmp_path / "unsynced").iterdir()) == []
    disk.take(Record("S", 5, 0, b""))
    disk.take(Record("D", 0, 0, str(tmp_path / "a").encode()))
    disk.take(Record("D", 0, 0, str(tmp_path).encode()))
    disk.cut(rng, tmp_path, tmp_path / "synced")
    assert (tmp_path / "synced" / "a" / "file").read_bytes() == b"written"


TEACH = """
import sys
import numpy as np
from tests.memstore import native as n
folder, first = sys.argv[1], int(sys.argv[2])
memory = n.Memory(folder, n.config(4, 32, 2))
for i in range(first, first + 3):
    memory.teach(f"thing {i}", *n.random_episode(np.random.default_rng(i), 32))
    print("taught", i, flush=True)
memory.close()
print("closed", flush=True)
"""


def teach(folder: Path, journal: Path, first: int, fail: str) -> list[str]:
    """Three things in a process of its own, under the layer; what it said."""
    environ = rounds.environment(folder.parent, journal, fail) | {"PYTHONPATH": str(n.ROOT)}
    command = [rounds.sys.executable, "-c", TEACH, str(folder), str(first)]
    done = rounds.subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0 or "StoreError" in done.stderr, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("how", ["", "+"], ids=["once", "from then on"])
def test_a_fault_at_every_call(tmp_path: Path, how: str) -> None:
    """Of making a memory and teaching three things: open, mkdir, rename, resize, read, write, sync, remove."""
    n.library()
    calls, stride = 0, 13 if how else 9
    for call in range(1, 400, stride):
        folder = tmp_path / str(call) / "memory"
        folder.parent.mkdir()
        said = teach(folder, tmp_path / f"journal{call}", 0, f"{call}{how}:{errno.EIO}")
        taught = [line.split()[1] for line in said if line.startswith("taught")]
        with n.opened(folder, n.config(4, 32, 2)) as memory:
            names = set(memory.names().values())
        sure = {f"thing {i}" for i in taught}
        assert sure <= names and len(names) <= len(sure) + 1, f"call {call}"
        calls += "closed" not in said
        if "closed" in said and call > len(read_journal(tmp_path / f"journal{call}")) + 60:
            break
    assert calls > 3
