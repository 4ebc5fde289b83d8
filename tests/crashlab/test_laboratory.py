"""Property: whatever a cut, a torn, reordered or lost sector, a damaged region, a flipped bit or a failing call does to
one write, opening the card gives the old or the new state, says which, and the next write works. And: a store that is
broken on purpose does not pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.crashlab import laboratory
from tests.crashlab.laboratory import SHAPES, Shard
from tests.memstore.reader import read_memory


@pytest.mark.parametrize("shape", SHAPES)
def test_a_seeded_tenth_of_the_laboratory(shape: str) -> None:
    shard = Shard(shape, 11 + SHAPES.index(shape), 25, sample=25, twice=30)
    counts = laboratory.run_shard(laboratory.program(), shard)
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert sum(counts[kind] for kind in laboratory.KINDS) > 5000


def test_the_largest_memory() -> None:
    counts = laboratory.run_shard(laboratory.program(), Shard("original", 3, 4, sample=200, twice=0), "--skip-making")
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert sum(counts[kind] for kind in laboratory.KINDS) > 150


@pytest.mark.parametrize("shape", ["ultra_tiny", "odd"])
def test_no_sanitizer_has_anything_to_say(shape: str) -> None:
    counts = laboratory.run_shard(laboratory.program(sanitize=True), Shard(shape, 5, 12, sample=100, twice=200))
    assert counts["violations"] == 0, "\n".join(counts["messages"])


def test_stores_that_are_broken_on_purpose_are_caught() -> None:
    caught = laboratory.broken_variants()
    assert len(caught) == 3 and all(n > 0 for n in caught.values()), caught


def test_a_violation_can_be_replayed_by_its_id() -> None:
    shard = Shard("ultra_tiny", 1, 6, sample=40, twice=0)
    message = laboratory.run_shard(laboratory.program(), shard, "--no-mirror")["messages"][0]
    scenario = re.match(r"VIOLATION (\S+)", message)[1]
    again = laboratory.run_shard(laboratory.program(), shard, "--no-mirror", "--replay", scenario)
    assert again["messages"] == [message]
    healthy = laboratory.run_shard(laboratory.program(), shard, "--replay", scenario)
    assert healthy["violations"] == 0


def test_the_independent_reader_agrees_after_cuts(tmp_path: Path) -> None:
    """The card as a cut leaves it, read by Python before memstore has repaired anything: nothing is lost, and the
    states over all cuts of one write are two, the old one first."""
    shard = Shard("tiny_edge", 12, 6, sample=1, twice=0)
    for step in (1, 2):
        states = []
        for entry in range(7):
            scenario = f"tiny_edge/12/{step}/c:{entry}:0:0"
            laboratory.run_shard(laboratory.program(), shard, "--dump", scenario, str(tmp_path))
            memory = read_memory(tmp_path)
            assert not memory.lost
            if not states or states[-1] != memory.state():
                states.append(memory.state())
        assert len(states) == 2
