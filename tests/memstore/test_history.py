"""Property: every write is a state: it can be listed, found by its time, compared and made the memory's content again, whole,
through any number of files and sessions; a full history says so and drops its oldest part, or stops."""

from __future__ import annotations

import ctypes
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.history import (
    BLOCK_BYTES,
    CONFIG,
    MARGIN,
    bounds,
    config,
    content,
    differences,
    info,
    restore,
    teach,
    undo,
)
from tests.memstore.ram_card import RamCard
from tests.memstore.reader import read_memory


def test_every_write_is_a_state(tmp_path: Path) -> None:
    """Words at random over several files and sessions; then to any of the states that they left."""
    rng, chance, folder = np.random.default_rng(0), random.Random(0), tmp_path / "m"
    states: dict[int, list] = {}
    memory = n.Memory(folder, config())
    for step in range(420):
        names = list(memory.names().values())
        word = chance.choice(["teach"] * 4 + ["forget", "rename", "again"]) if names else "teach"
        if word == "teach":
            teach(memory, rng, f"thing {step}", 1000 + step)
        elif word == "again":
            teach(memory, rng, chance.choice(names), 1000 + step)
        elif word == "forget":
            memory.call("forget", chance.choice(names).encode(), None)
        else:
            memory.rename(chance.choice(names).encode(), f"named {step}".encode())
        states[bounds(memory)[1]] = content(memory)
        if step % 90 == 89:
            memory.close() if step % 180 == 89 else n.abandon(memory)
            memory = n.Memory(folder, config())
            assert content(memory) == states[max(states)] and memory.report.state == max(states)
    assert len(list((folder / "history").iterdir())) >= 2
    states[0] = []
    around = [number for number in (0, 1, 126, 127, 128, 129, 130, 255, 256, 257, max(states)) if number in states]
    for number in [*around, *chance.sample(sorted(states), 25)]:
        memory.lib.ms_reset_stats(memory.handle)
        restore(memory, number)
        assert content(memory) == states[number], number
        states[bounds(memory)[1]] = content(memory)
    assert memory.verify().kept == n.CLEAN
    n.abandon(memory)
    card = read_memory(folder)
    assert [r.name for r in card.records if r.state == 1] == [name for name, _ in states[max(states)]]


def test_restoring_reads_one_keyframe_and_at_most_255_entries(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with n.opened(tmp_path / "m", config(8)) as memory:
        for i in range(400):
            teach(memory, rng, f"thing {i}")
        for number in (254, 255, 256, 300, 383):
            memory.lib.ms_reset_stats(memory.handle)
            memory.call("diff", ctypes.c_uint32(number), ctypes.c_uint32(number))  # locates it twice
            assert memory.stats().sectors_read <= 2 * (255 + CONFIG["slots"])


def test_what_each_write_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with n.opened(tmp_path / "m", config()) as memory:
        for i in range(9):
            teach(memory, rng, f"thing {i}", 50 + i)
        memory.rename(b"thing 3", b"third")
        memory.lib.ms_set_time(memory.handle, 70)
        memory.call("forget", b"third", None)
        assert undo(memory) == 10
        deeds = [(info(memory, i).action, info(memory, i).name.decode()) for i in range(13)]
        assert deeds[0] == (n.W_NONE, "")
        assert deeds[1:9] == [(n.W_NEW, f"thing {i}") for i in range(8)]
        assert deeds[9:12] == [(n.W_EVICTED, "thing 8"), (n.W_RENAMED, "third"), (n.W_FORGOTTEN, "third")]
        assert deeds[12] == (n.W_UNDONE, "third")
        assert [info(memory, i).time for i in (1, 9, 10, 11, 12)] == [50, 58, 0, 70, 0]
        assert "third" in memory.names().values()
        with pytest.raises(n.StoreError) as error:
            info(memory, 13)
        assert error.value.code == n.NOT_FOUND
    deeds = read_memory(tmp_path / "m").history.values()
    assert [d.action for d in deeds] == [n.W_NEW] * 8 + [n.W_EVICTED, n.W_RENAMED, n.W_FORGOTTEN, n.W_UNDONE]


def test_undo_takes_back_writes_and_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    with n.opened(tmp_path / "m", config()) as memory:
        for i in range(5):
            teach(memory, rng, f"thing {i}")
        five = content(memory)
        assert undo(memory, 3) == 2 and list(memory.names().values()) == ["thing 0", "thing 1"]
        assert undo(memory) == 5 and content(memory) == five
        for writes in (0, 99):
            with pytest.raises(n.StoreError):
                undo(memory, writes)
        assert content(memory) == five


def test_two_states_are_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    with n.opened(tmp_path / "m", config()) as memory:
        for i in range(3):
            teach(memory, rng, f"thing {i}")
        memory.rename(b"thing 1", b"one")
        memory.call("forget", b"thing 2", None)
        assert differences(memory, 3, 5) == {1: ("thing 1", "one"), 2: ("thing 2", "")}
        assert differences(memory, 0, 1) == {0: ("", "thing 0")}
        assert differences(memory, 4, 4) == {}


@pytest.mark.parametrize("stop", [0, 1])
def test_a_full_history_drops_its_oldest_file_or_stops(tmp_path: Path, stop: int) -> None:
    rng, folder = np.random.default_rng(6), tmp_path / "m"
    cfg = config(1, history_files=2, history=stop)
    with n.opened(folder, cfg) as memory:
        taught = 0
        try:
            for taught in range(700):
                teach(memory, rng, f"thing {taught}")
        except n.StoreError as error:
            assert stop and error.code == n.HISTORY_FULL and "history is full" in str(error)
        assert taught == (128 if stop else 699)
        oldest, newest = bounds(memory)
        assert newest == taught + (not stop) and (oldest == 0) == bool(stop)
        assert memory.stats().states_dropped == (0 if stop else oldest)
        before = content(memory)
        restore(memory, oldest) if not stop else None
        if oldest:
            with pytest.raises(n.StoreError) as error:
                restore(memory, oldest - 1)
            assert error.value.code == n.NOT_FOUND
            undo(memory)
        assert content(memory) == before
    assert len(list((folder / "history").iterdir())) == 2
    with n.opened(folder, cfg) as memory:
        assert content(memory) == before


def test_a_full_card_drops_the_oldest_file(tmp_path: Path) -> None:
    rng, card = np.random.default_rng(7), RamCard()
    memory = card.open(config(1))
    card.room = 2 * (2 * MARGIN + 2 * BLOCK_BYTES)
    real = card.do_remove

    def remove(context: int, name: bytes) -> int:
        card.room += len(card.files.get(name.decode(), b""))
        return real(context, name)

    call = type(card.calls["remove"])(remove)
    card.calls["remove"] = call
    card.port.remove = n.c.cast(call, n.c.c_void_p)
    for i in range(900):
        teach(memory, rng, f"thing {i}")
    assert bounds(memory)[0] > 400 and bounds(memory)[1] == 900
    names = memory.names()
    assert card.cut(lambda write: True).open(config(1)).names() == names


def test_damage_to_one_lane_is_repaired_and_hides_nothing(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(8), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(200):
            teach(memory, rng, f"thing {i}")
        before = content(memory)
    path = folder / "history" / "000000.bin"
    whole = path.read_bytes()
    for lane in (0, 1):
        raw = bytearray(whole)
        start = lane * (2 * BLOCK_BYTES + MARGIN)
        raw[start : start + 2 * BLOCK_BYTES] = bytes(2 * BLOCK_BYTES)
        path.write_bytes(raw)
        with n.opened(folder, config()) as memory:
            assert content(memory) == before and memory.report.log_repaired > 70
            assert "sectors of the history" in memory.report_text()
            restore(memory, 60)
            restore(memory, 200)
            assert content(memory) == before
        path.write_bytes(whole)


def test_an_entry_that_both_lanes_have_lost_is_named_and_the_others_are_there(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(9), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(40):
            teach(memory, rng, f"thing {i}")
        before = content(memory)
    path = folder / "history" / "000000.bin"
    raw = bytearray(path.read_bytes())
    for lane in (0, 1):  # state 21: the entry 20 of the second block
        raw[lane * (2 * BLOCK_BYTES + MARGIN) + BLOCK_BYTES + 512 * 21 + 9] ^= 1
    path.write_bytes(raw)
    with n.opened(folder, config()) as memory:
        assert content(memory) == before and memory.report.states_damaged == 1
        assert info(memory, 21).number == 20 and info(memory, 22).number == 22
        with pytest.raises(n.StoreError):
            restore(memory, 21)
        assert content(memory) == before


def test_a_deleted_history_begins_anew(tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(10), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(5):
            teach(memory, rng, f"thing {i}")
        before = content(memory)
    n.forget_history(folder)
    first = 1
    for _ in range(2):
        with n.opened(folder, config()) as memory:
            assert content(memory) == before and memory.report.history_gone == first
            first = 0
            teach(memory, rng, "next")
            undo(memory)
            assert content(memory) == before


@pytest.mark.parametrize("closed", [True, False])
def test_a_card_of_version_1_becomes_one_of_version_2_at_its_first_write(tmp_path: Path, closed: bool) -> None:
    rng, folder = np.random.default_rng(12), tmp_path / "m"
    with n.opened(folder, config()) as memory:
        for i in range(6):
            teach(memory, rng, f"thing {i}")
    n.make_version_1(folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with n.opened(folder, config()) as memory:
        assert memory.report.found_version == 1 and memory.report.kept == n.CLEAN
        names = content(memory)
        memory.read(0)
    assert {p.name for p in folder.iterdir()} == set(before), "reading leaves it as it is"
    assert read_memory(folder).header.version == 1
    memory = n.Memory(folder, config())
    teach(memory, rng, "new")
    memory.close() if closed else n.abandon(memory)
    assert read_memory(folder).header.version == 2
    with n.opened(folder, config()) as memory:
        assert memory.report.found_version == 2 and bounds(memory) == (0, 1)
        restore(memory, 0)
        assert content(memory) == names


def test_the_upgrade_survives_a_cut_at_every_write() -> None:
    first = RamCard()
    rng = np.random.default_rng(13)
    memory = first.open(config(1))
    for i in range(3):
        teach(memory, rng, f"thing {i}")
    names = memory.names()
    memory.close()
    for name in [name for name in first.files if name.startswith("history")]:
        del first.files[name], first.durable[name]
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", MARGIN), ("memory_backup.bin", 0)):
        header = bytearray(first.files[name][at : at + 512])
        struct.pack_into("<H", header, 8, 1)
        header[48:60] = bytes(12)
        header = n.seal(header)
        first.files[name][at : at + 512] = first.durable[name][at : at + 512] = header
    first.durable["memory_backup.bin"][512:1024] = first.files["memory_backup.bin"][512:1024] = bytes(512)
    episode = n.random_episode(rng)
    done = False
    cut = 0
    while not done:
        cut += 1
        card = first.cut()
        memory = card.open(config(1))
        assert memory.names() == names
        card.cut_at = card.writes + cut
        try:
            memory.teach("new", *episode)
            done = card.writes < card.cut_at
        except n.StoreError:
            pass
        after = card.cut(lambda write: write[1] % 1024 == 0)
        memory = after.open(config(1))
        found = set(memory.names().values())
        assert found in ({*names.values()}, {*names.values(), "new"}) and memory.report.lost == 0
        memory.teach("next", *n.random_episode(np.random.default_rng(1)))
        assert set(after.cut().open(config(1)).names().values()) == found | {"next"}
    assert cut > 20


def test_twelve_million_states_fit_a_card_of_16_gb() -> None:
    lib = n.library()
    fit = lib.ms_history_capacity(ctypes.byref(n.config()), 16 * 10**9)
    assert fit >= 12_000_000


def test_ram_alone_has_no_history() -> None:
    with n.opened(None, config()) as memory, pytest.raises(n.StoreError) as error:
        undo(memory)
    assert error.value.code in (n.NO_CARD, n.NOT_FOUND)
