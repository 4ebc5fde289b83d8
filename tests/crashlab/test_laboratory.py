"""Property: whatever a cut, torn, reordered, lost or misdirected sectors, a damaged region, flipped bits, failing calls and
barriers or bad sectors do to one word, opening the card gives the old or the new state, says which, lists the states that
were taken, and the next write works. And: a store that is broken on purpose does not pass."""

from __future__ import annotations

import ctypes
import random
import re
import zlib
from pathlib import Path

import pytest

from tests.crashlab import laboratory
from tests.crashlab.laboratory import SHAPES, Shard
from tests.memstore import native
from tests.memstore.reader import read_memory


@pytest.mark.parametrize("shape", SHAPES)
def test_a_seeded_tenth_of_the_laboratory(shape: str) -> None:
    shard = Shard(shape, 11 + SHAPES.index(shape), 14, sample=25, twice=60)
    counts = laboratory.run_shard(laboratory.program(), shard)
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert counts["scenarios"] > 5000
    assert all(scenarios for scenarios, _ in counts["classes"].values()), counts["classes"]


def test_every_sequence_of_two_words_on_a_small_memory() -> None:
    counts = laboratory.run_shard(laboratory.program(), Shard("three", 1, 1, sample=100, twice=0, words=2))
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert counts["steps"] == 9 + 81 and counts["scenarios"] > 3000


@pytest.mark.full
def test_every_sequence_of_three_words() -> None:
    counts = laboratory.run_shard(laboratory.program(), Shard("three", 2, 1, sample=100, twice=0, words=3))
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert counts["steps"] == 9 + 81 + 729


def test_the_laboratorys_crc_is_the_stores() -> None:
    fast = ctypes.CDLL(
        str(native.build("fast_crc32.so", [laboratory.HERE / "fast" / "crc32.c"], flags=["-shared", "-fPIC"]))
    )
    fast.bm_crc32.restype = ctypes.c_uint32
    fast.bm_crc32.argtypes = (ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t)
    rng = random.Random(1)
    for size in (0, 1, 7, 8, 9, 60, 256, 511, 512):
        start, data = rng.randrange(2**32), rng.randbytes(size)
        assert fast.bm_crc32(start, data, size) == zlib.crc32(data, start)


def test_the_largest_memory() -> None:
    counts = laboratory.run_shard(
        laboratory.program(), Shard("original", 3, 4, sample=200, twice=0), "--skip-making", "--cuts-only"
    )
    assert counts["violations"] == 0, "\n".join(counts["messages"])
    assert counts["scenarios"] > 100


@pytest.mark.parametrize("shape", ["ultra_tiny", "odd"])
def test_no_sanitizer_has_anything_to_say(shape: str) -> None:
    counts = laboratory.run_shard(laboratory.program(sanitize=True), Shard(shape, 5, 9, sample=100, twice=400))
    assert counts["violations"] == 0, "\n".join(counts["messages"])


def test_stores_that_are_broken_on_purpose_are_caught() -> None:
    caught = laboratory.broken_variants()
    assert len(caught) == 4 and all(n > 0 for n in caught.values()), caught


@pytest.mark.parametrize("shape", SHAPES)
def test_a_store_without_its_last_barrier_is_caught_in_every_run(shape: str) -> None:
    """What a word leaves unsynced is still open in the next, and when nothing follows."""
    for seed in range(6):
        shard = Shard(shape, seed, 4, sample=500, twice=0)
        counts = laboratory.run_shard(laboratory.program(), shard, "--no-last-barrier", "--cuts-only", "--skip-making")
        assert counts["classes"]["reordered writes"][1] > 0, f"seed {seed}"


@pytest.mark.parametrize("scenario", ["ultra_tiny/11/0/s:4:5:0", "ultra_tiny/11/0/s:5:7:0"])
def test_a_memory_that_could_not_be_made_can_be_made_later(scenario: str) -> None:
    """Barriers failed while it was made and its files were removed: a cut left primary files without a mirror."""
    shard = Shard("ultra_tiny", 11, 1, sample=25, twice=0)
    counts = laboratory.run_shard(laboratory.program(), shard, "--only", scenario)
    assert counts["scenarios"] and counts["violations"] == 0, counts["messages"]


def test_a_violation_can_be_run_again_by_its_id() -> None:
    shard = Shard("ultra_tiny", 1, 6, sample=40, twice=0)
    message = laboratory.run_shard(laboratory.program(), shard, "--no-mirror")["messages"][0]
    scenario = re.match(r"VIOLATION (\S+)", message)[1]
    again = laboratory.run_shard(laboratory.program(), shard, "--no-mirror", "--only", scenario)
    assert again["messages"] == [message]
    healthy = laboratory.run_shard(laboratory.program(), shard, "--only", scenario)
    assert healthy["violations"] == 0


def test_the_independent_reader_agrees_after_cuts(tmp_path: Path) -> None:
    """The card as a cut leaves it, read by Python before memstore has repaired anything: nothing is lost, and the
    states over all cuts of one write are two, the old one first."""
    shard = Shard("tiny_edge", 12, 6, sample=1, twice=0)
    for step in (1, 2):
        states = []
        for entry in range(12):
            options = ("--cuts-only", "--only", f"tiny_edge/12/{step}/c:{entry}:0:0", "--dump", str(tmp_path))
            if not laboratory.run_shard(laboratory.program(), shard, *options)["scenarios"]:
                continue  # before this word, or behind it
            memory = read_memory(tmp_path, block=16)
            assert not memory.lost
            if not states or states[-1] != memory.state():
                states.append(memory.state())
        assert len(states) == 2
