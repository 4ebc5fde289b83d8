"""Property: an archive is never written over, whatever became of its memory or of a part of it: what can be read of it is
counted, listed and restored, what cannot is said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.archive import MARGIN, STATE_BYTES, config, count, info, restore, take
from tests.memstore.ram_card import RamCard

SEGMENT = "states/000000.bin"


def test_the_archive_of_a_deleted_memory_stays_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with n.opened(tmp_path, config()) as memory:
        for i in range(3):
            take(memory, rng, f"old {i}")
    for path in tmp_path.glob("memory_*"):
        path.unlink()
    archive = (tmp_path / SEGMENT).read_bytes()
    with n.opened(tmp_path, config()) as memory:
        for i in range(2):
            memory.teach(f"new {i}", *n.random_episode(rng))
            with pytest.raises(n.StoreError) as error:
                memory.call("snapshot", None)
            assert error.value.code == n.MIXED
        assert count(memory) == 0
        assert set(memory.names().values()) == {"new 0", "new 1"}
    assert (tmp_path / SEGMENT).read_bytes() == archive


def test_episodes_that_are_not_saved_do_not_hide_states(tmp_path: Path) -> None:
    """They move the clock in RAM alone: a later session's states may have an earlier clock."""
    rng = np.random.default_rng(1)
    cfg = config()
    cfg.min_importance = 0.5
    with n.opened(tmp_path, cfg) as memory:
        for i in range(40):
            memory.teach(f"passing {i}", *n.random_episode(rng), importance=0.1)
        take(memory, rng, "first")
        with pytest.raises(n.StoreError):
            memory.call("forget", b"nothing", None)
    with n.opened(tmp_path, cfg) as memory:
        memory.call("forget", b"first", None)
        take(memory, rng, "second")
        assert count(memory) == 2 and [info(memory, i).valid for i in range(2)] == [1, 1]
        restore(memory, 0)
        assert set(memory.names().values()) == {"first"}


def archived(states: int = 12) -> tuple[RamCard, n.Memory]:
    card, rng = RamCard(), np.random.default_rng(2)
    memory = card.open(config())
    for i in range(states):
        take(memory, rng, f"thing {i}")
    return card, memory


@pytest.mark.parametrize("number", [0, 1, 6, 10, 11])
def test_one_unreadable_header_hides_only_itself(number: int) -> None:
    card, memory = archived()
    card.unreadable = {(f"states/{number // 5:06d}.bin", (MARGIN + number % 5 * STATE_BYTES) // 512)}
    last = number == 11
    assert count(memory) == (11 if last else 12)
    if not last:
        assert [info(memory, i).valid for i in range(12)] == [i != number for i in range(12)]
        assert take(memory, np.random.default_rng(3), "next") == 12
        restore(memory, 12)


@pytest.mark.parametrize("part", ["header", "record", "slot"])
def test_a_damaged_state_is_said_to_be(part: str) -> None:
    card, memory = archived()
    at = MARGIN + 1 * STATE_BYTES + {"header": 20, "record": 700, "slot": 512 + 2048 + 30}[part]
    card.files["states/000001.bin"][at] ^= 1
    state = info(memory, 6)
    assert not state.valid and state.number == 6
    assert [info(memory, i).valid for i in (5, 7)] == [1, 1]
    report = memory.verify()
    assert (report.states_checked, report.states_damaged) == (12, 1)
    assert "of the last 12 states 1 cannot be restored" in memory.report_text(report)
    with pytest.raises(n.StoreError) as error:
        restore(memory, 6)
    assert error.value.code == n.DAMAGED


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_file_hides_only_its_own_states(missing: int) -> None:
    card, memory = archived()
    kept = {name: bytes(data) for name, data in card.files.items() if name.startswith("states/")}
    name = f"states/{missing:06d}.bin"
    del card.files[name], card.durable[name], kept[name]
    assert count(memory) == 12
    number = take(memory, np.random.default_rng(4), "next")
    assert number == 12
    for i in range(13):
        assert info(memory, i).valid == (i // 5 != missing)
    for other in kept:
        if other != "states/000002.bin":
            assert card.files[other] == kept[other]
    restore(memory, 10)
    assert "thing 10" in memory.names().values()


def test_sizes_that_no_card_has_divide_nothing_by_zero() -> None:
    """A file of 2^32 states makes their number 0 in 32 bits."""
    card, memory = archived(2)
    real = card.do_size

    def size(context: int, file: int, out) -> int:
        if card.names[file].startswith("states/"):
            out[0] = 2 * MARGIN + (1 << 32) * STATE_BYTES
            return n.OK
        return real(context, file, out)

    call = type(card.calls["size"])(size)
    card.calls["size"] = call
    card.port.size = n.c.cast(call, n.c.c_void_p)
    assert count(memory) >= 0
