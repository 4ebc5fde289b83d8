"""Property: whatever is taught, forgotten, renamed and recalled in any order, the memory holds what a plain model of it
holds, also after it was closed or killed and opened again, and an independent reader finds the same on the card.
Then the rules one by one: merging, replacing, evicting, names, sizes, costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.memstore import native as n
from tests.memstore.reader import read_memory

SIZES = [(8, 128, 4), (16, 128, 8), (512, 256, 512)]  # ultra_tiny, tiny_edge, original
EDGES = [(1, 16, 1), (3, 64, 2), (5, 128, 1), (33, 32, 7), (7, 256, 3)]


def stored(episode: np.ndarray) -> np.ndarray:
    return episode.astype(np.float16).astype(np.float32)


def test_the_card_has_exactly_the_published_files(tmp_path: Path) -> None:
    for slots, dim, hot in SIZES + EDGES:
        folder = tmp_path / f"{slots}x{dim}"
        with n.opened(folder, n.config(slots, dim, hot)) as memory:
            assert memory.report.kept == n.CREATED
            sizes = n.FileSizes()
            assert memory.lib.ms_card_size(n.c.byref(memory.config), n.c.byref(sizes)) == n.OK
        for name, field in (
            ("slots.bin", "slots"),
            ("index.bin", "index"),
            ("backup.bin", "backup"),
            ("metadata.json", "metadata"),
        ):
            assert (folder / f"memory_{name}").stat().st_size == getattr(sizes, field)
        assert sizes.slots == slots * dim * 2
        assert json.loads((folder / "memory_metadata.json").read_text())["slots"] == slots
    assert (tmp_path / "16x128" / "memory_slots.bin").stat().st_size == 4096
    assert (tmp_path / "512x256" / "memory_slots.bin").stat().st_size == 262144


@pytest.mark.parametrize(("slots", "dim", "hot"), [(16, 128, 8), (7, 256, 3), (33, 32, 7)])
def test_a_kill_between_words_is_no_damage(tmp_path: Path, slots: int, dim: int, hot: int) -> None:
    """The slots file is not written at every word, and may have what is older than the log and newer than the index."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        folder, cfg = tmp_path / str(seed), n.config(slots, dim, hot)
        memory = n.Memory(folder, cfg)
        for step in range(int(rng.integers(1, 25))):
            names, word = memory.names(), rng.choice(["teach", "teach", "teach", "forget", "rename"])
            slot = int(rng.choice(list(names))) if names else 0
            if word == "teach":
                memory.teach(f"thing {step}", *n.random_episode(rng, dim))
            elif word == "forget" and names:
                assert memory.call("forget", names[slot].encode(), None) == n.OK
            elif names:
                memory.rename(names[slot].encode(), f"renamed {step}".encode(), memory.read(slot))
        names = memory.names()
        n.abandon(memory)
        with n.opened(folder, cfg) as memory:
            assert memory.report.kept == n.CLEAN, seed
            assert memory.names() == names


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_sessions_match_a_model(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    slots, dim, hot = data.draw(st.sampled_from([*EDGES, (8, 128, 4)]))
    dtype = data.draw(st.sampled_from([0, 1]))
    folder = tmp_path_factory.mktemp("card") / "bitmar_memory"
    cfg = n.config(slots, dim, hot, slot_dtype=dtype)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    model: dict[int, tuple[str, np.ndarray]] = {}
    memory = n.Memory(folder, cfg)
    try:
        for step in range(data.draw(st.integers(5, 40))):
            word = data.draw(
                st.sampled_from(["teach", "teach", "teach", "forget", "rename", "read", "close", "kill", "verify"])
            )
            slot = data.draw(st.integers(0, slots - 1))
            if word == "teach":
                episode, key = n.random_episode(rng, dim)
                result = memory.teach(f"thing {step} é", episode, key, importance=float(rng.uniform(0, 2)))
                if result.action == n.EVICTED:
                    assert len(model) == slots
                    assert result.previous.decode() == model[result.slot][0]
                elif result.action == n.NEW:
                    assert result.slot not in model
                if result.action == n.MERGE:  # only a namesake can be merged into, and every name is new here
                    pytest.fail("merged a new name")
                model[result.slot] = (f"thing {step} é", memory.read(result.slot))
                tolerance = np.abs(episode).max() / 254 * 1.01 if dtype else 0
                assert np.abs(model[result.slot][1] - (episode if dtype else stored(episode))).max() <= tolerance
            elif word == "forget" and slot in model:
                assert memory.call("forget", model.pop(slot)[0].encode(), None) == n.OK
            elif word == "rename" and slot in model:
                new = f"renamed {step}"
                memory.rename(model[slot][0].encode(), new.encode(), model[slot][1])
                model[slot] = (new, model[slot][1])
            elif word == "read" and slot in model:
                assert np.array_equal(memory.read(slot), model[slot][1])
            elif word == "verify":
                assert memory.verify().kept == n.CLEAN
            elif word in ("close", "kill"):
                memory.close() if word == "close" else n.abandon(memory)
                memory = n.Memory(folder, cfg)
                assert memory.report.kept == n.CLEAN
                assert memory.report.occupied == len(model)
            assert memory.names() == {s: name for s, (name, _) in model.items()}
        for slot, (_, content) in model.items():
            assert np.array_equal(memory.read(slot), content)
    finally:
        n.abandon(memory)
    card = read_memory(folder)
    assert not card.lost
    assert {r.slot: r.name for r in card.records if r.state == 1} == {s: name for s, (name, _) in model.items()}
    for slot, (_, content) in model.items():
        assert np.allclose(card.values(slot), content, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("slots", "dim", "hot"), SIZES + EDGES)
@pytest.mark.parametrize("dtype", [0, 1])
def test_a_write_costs_four_sectors_and_one_barrier(tmp_path: Path, slots: int, dim: int, hot: int, dtype: int) -> None:
    """Of the log, with its keyframes and headers; where an entry has two sectors, twice that. Lazily two and a keyframe."""
    rng = np.random.default_rng(slots)
    for lazy in (0, 1):
        cfg = n.config(slots, dim, hot, slot_dtype=dtype, lazy=lazy)
        entry = 1 + (dim > 128)
        with n.opened(tmp_path / f"m{lazy}", cfg) as memory:
            costs = []
            for i in range(min(3 * slots, 300)):
                memory.lib.ms_reset_stats(memory.handle)
                memory.teach(f"name {i}", *n.random_episode(rng, dim))
                stats = memory.stats()
                costs.append(stats.sectors_written + stats.log_written)
                assert (stats.barriers, stats.metadata_written) == (1, 0)
                assert stats.sectors_written <= 1 - lazy and stats.sectors_read <= 16
            most = 4 if slots <= 32 else 6
            assert max(costs) <= (most - lazy) * entry
            if lazy and 3 <= slots <= 16:
                assert np.mean(costs) < 2.4 * entry
            memory.lib.ms_reset_stats(memory.handle)
            memory.rename(memory.info(0).name, b"renamed")
            assert memory.stats().barriers == 1


def test_a_recall_of_hot_slots_does_not_touch_the_card(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    keys = []
    with n.opened(tmp_path / "m", n.config(16, 128, 8)) as memory:
        for i in range(16):
            episode, key = n.random_episode(rng)
            keys.append(key)
            memory.teach(f"name {i}", episode, key)
        query = memory.quantize(keys[5])
        memory.recall(*query, 4)
        memory.lib.ms_reset_stats(memory.handle)
        scores, values, mask, slots = memory.recall(*query, 4)
        stats = memory.stats()
        assert (stats.hits, stats.misses) == (4, 0)
        assert stats.sectors_read == stats.sectors_written == stats.barriers == stats.bytes_read == 0
        assert slots[0] == 5 and mask.all() and values.any(axis=1).all() and (np.diff(scores) <= 0).all()
        for slot in range(16):  # eight fit: the others are read from the card, one sector each
            memory.lib.ms_reset_stats(memory.handle)
            memory.read(slot)
            assert memory.stats().sectors_read == memory.stats().misses <= 1


def test_scores_are_the_specified_arithmetic(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    with n.opened(tmp_path / "m", n.config(33, 64, 8)) as memory:
        for i in range(20):
            memory.teach(f"name {i}", *n.random_episode(rng, 64))
        memory.call("forget", b"name 7", None)
        x = rng.standard_normal(64).astype(np.float32)
        most = np.float32(max(np.abs(x).max(), np.float32(1e-5)))
        q = np.clip(np.rint(x * (np.float32(127) / most)), -127, 127).astype(np.int8)
        ours, scale = memory.quantize(x)
        assert np.array_equal(ours, q) and scale == most / np.float32(127)
        expected = {}
        for slot in memory.names():
            info = memory.info(slot)
            dot = int(q.astype(np.int32) @ np.array(info.key[:64], np.int32))
            expected[slot] = np.float32(dot) * (np.float32(scale) * np.float32(info.key_scale))
        order = sorted(expected, key=lambda s: (-expected[s], s))
        for k in (8, 25):
            scores, values, mask, slots = memory.recall(q, scale, k)
            assert slots.tolist() == (order + [-1] * 6)[:k] and mask.tolist() == [1] * min(k, 19) + [0] * (k - 19)
            assert np.array_equal(scores[:19], np.float32([expected[s] for s in order[:k]]))
            assert not scores[19:].any() and not values[19:].any()
        assert memory.recall(q, 0.0, 3)[3].tolist() == sorted(expected)[:3]


@pytest.mark.parametrize("extreme", [0.0, np.nan, np.inf, 1e-30, 3e38])
def test_quantisation_of_extremes_is_safe(tmp_path: Path, extreme: float) -> None:
    with n.opened(None, n.config()) as memory:
        q, scale = memory.quantize(np.array([extreme, 1e-6, -1e-6], np.float32))
        assert scale > 0 and np.abs(q.astype(int)).max() <= 127


def test_the_same_name_and_look_is_one_slot(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    (first, key), (second, _) = n.random_episode(rng), n.random_episode(rng)
    with n.opened(tmp_path / "m", n.config(alpha=0.25)) as memory:
        assert memory.teach("cup", first, key).action == n.NEW
        result = memory.teach("cup", second, key)
        assert (result.action, result.slot) == (n.MERGE, 0) and result.cosine > 0.999
        assert np.array_equal(memory.read(0), stored(second)), "the first did not decode: the newer attempt's"
        assert memory.info(0).writes == 2
        assert memory.teach("mug", second, key).slot == 1, "look-alikes of another name must not erase each other"
        other = n.random_episode(rng)[1]
        assert memory.teach("cup", second, other).slot == 2, "same name, other look: another slot"
        replaced = memory.teach("beaker", second, key, replace=True)
        assert (replaced.action, replaced.slot, replaced.previous) == (n.REPLACED, 0, b"cup")
        assert np.array_equal(memory.read(0), stored(second))


def test_the_least_retained_slot_goes_and_reads_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    with n.opened(tmp_path / "m", n.config(8, 128, 4)) as memory:
        for i in range(8):
            memory.teach(f"name {i}", *n.random_episode(rng))
        for slot in (0, 1, 3, 4, 5, 6, 7):
            memory.read(slot)
        result = memory.teach("new", *n.random_episode(rng))
        assert (result.action, result.slot, result.previous) == (n.EVICTED, 2, b"name 2")
        retention = [memory.info(i).retention for i in range(8)]
        result = memory.teach("newer", *n.random_episode(rng))
        assert result.slot == int(np.argmin(retention))
        important = memory.info(result.slot)
        clock, age = memory.stats().clock, memory.stats().clock - important.last_access
        assert important.retention == pytest.approx(1.0 / (1 + age)) and clock > 0


def test_access_counters_reach_the_card_on_close(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    with n.opened(tmp_path / "m") as memory:
        memory.teach("a", *n.random_episode(rng))
        for _ in range(3):
            memory.read(0)
        before = (tmp_path / "m" / "memory_index.bin").read_bytes()
        assert read_memory(tmp_path / "m").records[0].uses == 0, "reads never write"
    assert (tmp_path / "m" / "memory_index.bin").read_bytes() != before
    assert read_memory(tmp_path / "m").records[0].uses == 3
    metadata = json.loads((tmp_path / "m" / "memory_metadata.json").read_text())
    assert metadata["episodes"][0]["uses"] == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"", n.NAME_EMPTY),
        (b"x" * 64, n.NAME_LONG),
        (b"x" * 5000, n.NAME_LONG),
        (b"\xff", n.NAME_UTF8),
        (b"caf\xc3", n.NAME_UTF8),
        (b"\xed\xa0\x80", n.NAME_UTF8),
        (b"\xc0\x80", n.NAME_UTF8),
        (b"\xf4\x90\x80\x80", n.NAME_UTF8),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(tmp_path: Path, name: bytes, code: int) -> None:
    rng = np.random.default_rng(8)
    with n.opened(tmp_path / "m") as memory:
        memory.teach("good", *n.random_episode(rng))
        before = {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()}
        memory.lib.ms_reset_stats(memory.handle)
        for attempt in (
            lambda: memory.teach(name, *n.random_episode(rng)),
            lambda: memory.rename(b"good", name),
        ):
            with pytest.raises(n.StoreError) as error:
                attempt()
            assert error.value.code == code
        assert memory.stats().sectors_written == 0
        assert before == {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()}


def is_name(raw: bytes) -> bool:
    """What Python calls UTF-8, of a name's length."""
    try:
        raw.decode("utf-8")
        return 0 < len(raw) <= 63
    except UnicodeDecodeError:
        return False


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=70))
def test_names_are_what_python_calls_utf8(raw: bytes) -> None:
    name = raw.split(b"\0")[0]
    assert (n.library().ms_check_name(name) == n.OK) == is_name(name)


@pytest.mark.parametrize("rest", [b"", b"\x80", b"\x80\x80", b"\xbf\x41", b"\x41"])
def test_every_first_byte_of_a_letter_at_the_limits_of_the_second(rest: bytes) -> None:
    for first in range(0x80, 0x100):
        for second in (0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0):
            name = bytes([first, second]) + rest
            assert (n.library().ms_check_name(name) == n.OK) == is_name(name), name


def test_a_name_of_63_bytes_and_any_character_survives(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    names = ["é" * 31 + "x", "𝄞" * 15, 'quote " backslash \\ tab \t', "x" * 63]
    with n.opened(tmp_path / "m") as memory:
        for name in names:
            memory.teach(name, *n.random_episode(rng))
    with n.opened(tmp_path / "m") as memory:
        assert list(memory.names().values()) == names
    metadata = json.loads((tmp_path / "m" / "memory_metadata.json").read_text())
    assert [e["name"] for e in metadata["episodes"]] == names


@pytest.mark.parametrize("where", ["episode", "key", "importance"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, where: str) -> None:
    episode, key = n.random_episode(np.random.default_rng(0))
    bad = np.float32("nan")
    if where == "episode":
        episode[7] = bad
    elif where == "key":
        key[3] = np.inf
    with n.opened(tmp_path / "m") as memory, pytest.raises(n.StoreError) as error:
        memory.teach("x", episode, key, importance=float(bad) if where == "importance" else 1.0)
    assert error.value.code == n.VALUE
    assert read_memory(tmp_path / "m").records[0].state == 0


def test_too_large_numbers_saturate(tmp_path: Path) -> None:
    episode, key = n.random_episode(np.random.default_rng(0))
    episode[:2] = (1e9, -1e9)
    with n.opened(tmp_path / "m") as memory:
        memory.teach("x", episode, key)
        assert memory.read(0)[:2].tolist() == [65504.0, -65504.0]


def test_prune_forgets_what_is_not_important(tmp_path: Path) -> None:
    episode, _ = n.random_episode(np.random.default_rng(10))
    with n.opened(tmp_path / "m") as memory:
        for i in range(6):
            memory.teach(f"name {i}", episode, np.eye(128, dtype=np.float32)[i], importance=i / 10)
        count = n.c.c_uint32()
        memory.lib.ms_prune(memory.handle, n.c.c_float(0.25), n.c.byref(count))
        assert count.value == 3 and list(memory.names().values()) == ["name 3", "name 4", "name 5"]
    slots = (tmp_path / "m" / "memory_slots.bin").read_bytes()
    assert not any(slots[: 3 * 256]), "what is forgotten is not left on the card"


def test_unimportant_episodes_stay_in_ram(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    cfg = n.config(8, 128, 4, min_importance=0.5)
    with n.opened(tmp_path / "m", cfg) as memory:
        assert memory.teach("kept", *n.random_episode(rng), importance=0.5).saved
        episode, key = n.random_episode(rng)
        memory.lib.ms_reset_stats(memory.handle)
        result = memory.teach("passing", episode, key, importance=0.4)
        assert not result.saved and memory.stats().sectors_written == 0 and memory.stats().unsaved == 1
        assert np.array_equal(memory.read(result.slot), stored(episode))
        memory.teach("neighbour", *n.random_episode(rng), importance=1)  # shares a sector with the unsaved one
        assert not memory.info(result.slot).saved
        for i in range(10):  # they displace each other, never what is saved
            memory.teach(f"more {i}", *n.random_episode(rng), importance=0.1)
        assert {"kept", "neighbour"} <= set(memory.names().values()) and memory.stats().unsaved <= 4
        memory.verify()
    with n.opened(tmp_path / "m", cfg) as memory:
        assert set(memory.names().values()) == {"kept", "neighbour"} and memory.report.kept == n.CLEAN
        memory.teach("passing", episode, key, importance=0.4)
        assert memory.teach("passing", episode, key, importance=0.9).saved
    assert "passing" in {r.name for r in read_memory(tmp_path / "m").records}


def test_without_a_card_nothing_is_saved() -> None:
    rng = np.random.default_rng(12)
    with n.opened(None, n.config(16, 128, 8)) as memory:
        taught = {f"name {i}": n.random_episode(rng) for i in range(12)}
        for name, (episode, key) in taught.items():
            assert not memory.teach(name, episode, key).saved
        assert len(memory.names()) == 8
        for slot, name in memory.names().items():
            assert np.array_equal(memory.read(slot), stored(taught[name][0]))
        memory.rename(memory.info(0).name, b"renamed")
        memory.call("forget", b"renamed", None)
        assert len(memory.names()) == 7 and memory.verify().kept == n.CLEAN


def test_random_configs_are_refused_or_work(tmp_path: Path) -> None:
    for change in (
        {"slots": 0},
        {"dim": 100},
        {"dim": 512},
        {"hot": 0},
        {"hot": 17},
        {"slot_dtype": 2},
        {"alpha": 1.5},
    ):
        cfg = n.config(**change)
        assert n.library().ms_memory_size(n.c.byref(cfg)) == 0
        with pytest.raises(n.StoreError) as error:
            n.Memory(tmp_path / "m", cfg)
        assert error.value.code == n.ARGUMENT
    assert not (tmp_path / "m").exists()
