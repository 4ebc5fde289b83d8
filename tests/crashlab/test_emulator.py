"""Property: a Cortex-M7 (emulated) with a real SPI SD card, killed at any instant, leaves the state after n or n + 1
things, n being what it had called durable; and it reads and writes the very bytes that the Pi's build does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.crashlab import emulator
from tests.crashlab.emulator import SHAPES, Card
from tests.memstore import native as n
from tests.memstore.reader import read_memory


@pytest.mark.timeout(900)
def test_fifty_kills() -> None:
    result = emulator.run_kills(50, seed=7)
    assert result["violations"] == []
    assert result["kills"] == 50 and result["things"] > 50


def teach_on_the_host(folder: Path, shape: str, things: range) -> None:
    cfg = n.config(*SHAPES[shape], merge_threshold=0.99, segment_bytes=emulator.SEGMENT_BYTES)
    with n.opened(folder, cfg) as memory:
        for thing in things:
            memory.teach(f"thing {thing}", *(np.float32(x) for x in emulator.numbers(thing, SHAPES[shape][1])))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_workload_gives_the_same_bytes(tmp_path: Path, shape: str) -> None:
    teach_on_the_host(tmp_path / "pi", shape, range(0))  # one memory, so one salt
    card = Card(tmp_path / "sd.img", shape, things=21)
    card.put(tmp_path / "pi")
    assert "CLOSED" in emulator.boot(card.path)
    teach_on_the_host(tmp_path / "pi", shape, range(21))
    pi = tmp_path / "pi"
    assert card.files() == {str(p.relative_to(pi)): p.read_bytes() for p in pi.rglob("*") if p.is_file()}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_goes_on_with_the_others_card(tmp_path: Path, shape: str) -> None:
    teach_on_the_host(tmp_path / "pi", shape, range(5))
    card = Card(tmp_path / "sd.img", shape, things=11)
    card.put(tmp_path / "pi")
    output = emulator.boot(card.path)
    assert "KEPT 0" in output and "OPEN 5" in output and "CLOSED" in output
    for name, content in card.files().items():
        (tmp_path / "pi" / name).write_bytes(content)
    teach_on_the_host(tmp_path / "pi", shape, range(11, 13))
    slots, dim, _ = SHAPES[shape]
    memory = read_memory(tmp_path / "pi")
    assert not memory.lost and emulator.found(memory) == emulator.expected(13, slots, dim)
    assert memory.header.version == 2, "and the independent reader reads the log of both"
    states = [(entry.record.name, entry.action) for _, entry in sorted(memory.history.items())]
    assert states == [(f"thing {i}", n.W_EVICTED if i >= slots else n.W_NEW) for i in range(13)]
    for state in (3, 8):  # written by the Pi, and by the M7: either is the Pi's to go back to
        at = memory.header.base + state
        read = {slot: entry.record.name for slot, entry in memory.log.newest(memory.history, at).items()}
        with n.opened(tmp_path / "pi", n.config(*SHAPES[shape], segment_bytes=emulator.SEGMENT_BYTES)) as opened:
            opened.call("restore", n.c.c_uint32(state))
            assert opened.names() == {slot: name for slot, name in read.items() if name}
