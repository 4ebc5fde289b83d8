"""Property: one name is one thing. Its views share a slot, or a few, that come, go and count together, on the card as in RAM; the
same picture under another name is a question; what is kept stays. Selective persistence, as a story, stands at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.memstore import native as n
from tests.memstore.reader import read_memory

DIM = 32
RULES = {"merge_threshold": 0.3, "prototypes": 2, "same_picture": 0.9, "alpha": 0.0625}


def config(slots: int = 8, **more) -> n.Config:
    return n.config(slots, DIM, min(slots, 4), **{**RULES, **more})


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x)).astype(np.float32)


def axis(i: int) -> np.ndarray:
    return np.eye(DIM, dtype=np.float32)[i]


def near(key: np.ndarray, cosine: float, i: int) -> np.ndarray:
    """A unit vector of this cosine with a key that has nothing along axis i."""
    return unit(cosine * key + np.sqrt(1 - cosine**2) * axis(i))


EPISODE = np.linspace(-1, 1, DIM).astype(np.float32)


def key_of(memory: n.Memory, slot: int) -> np.ndarray:
    info = memory.info(slot)
    return np.array(info.key[:DIM], np.float32) * np.float32(info.key_scale)


def test_views_are_a_running_mean(tmp_path: Path) -> None:
    """Each of n views weighs 1/n, until n = 1/alpha; a view that is merged is one write."""
    rng = np.random.default_rng(0)
    centre = rng.standard_normal(DIM)
    views = [unit(centre + 0.5 * rng.standard_normal(DIM)) for _ in range(24)]
    mean = np.zeros(DIM, np.float32)
    with n.opened(tmp_path / "m", config()) as memory:
        for i, view in enumerate(views):
            memory.lib.ms_reset_stats(memory.handle)
            result = memory.teach("cup", EPISODE * (i + 1), view, flags=n.DECODES)
            assert (result.slot, result.action) == (0, n.MERGE if i else n.NEW)
            assert memory.stats().barriers == 1
            rate = max(1 / (i + 1), 1 / 16)
            mean = unit((1 - rate) * mean + rate * view)
            assert unit(key_of(memory, 0)) @ mean > 0.999
        assert memory.info(0).views == memory.info(0).writes == 24
        assert np.array_equal(memory.read(0), EPISODE.astype(np.float16)), "it decodes: it stays"
    record = read_memory(tmp_path / "m").records[0]
    assert (record.views, record.decodes, record.kept) == (24, True, False)


def test_an_episode_that_does_not_decode_gives_way(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        memory.teach("cup", EPISODE, axis(0))
        memory.teach("cup", -EPISODE, axis(0), flags=n.DECODES)
        assert memory.info(0).decodes and np.array_equal(memory.read(0), -EPISODE.astype(np.float16))
        memory.teach("cup", EPISODE, axis(0))
        assert memory.info(0).decodes and np.array_equal(memory.read(0), -EPISODE.astype(np.float16))


def test_views_that_differ_too_much_get_two_slots_and_no_more(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        memory.teach("cup", EPISODE, axis(0), importance=0.5, flags=n.KEEP)
        memory.teach("cup", EPISODE, axis(1), importance=0.5)
        third = memory.teach("cup", EPISODE, near(axis(1), 0.1, 2), importance=0.9)
        assert (third.action, third.slot) == (n.MERGE, 1), "the nearer of the two"
        assert memory.names() == {0: "cup", 1: "cup"}
        memory.read(1)
        first, second = memory.info(0), memory.info(1)
        assert (first.uses, first.last_access) == (second.uses, second.last_access), "they count together"
        memory.call("confirm", 0, 0.1)
        assert [memory.info(slot).importance for slot in range(2)] == pytest.approx([1.0, 1.0])


def test_the_same_picture_under_another_name_is_a_question(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        memory.teach("cup", EPISODE, axis(0))
        again = near(axis(0), 0.95, 1)
        before = read_memory(tmp_path / "m").state()
        result = n.TeachResult()
        code = memory.lib.ms_teach(
            memory.handle, b"mug", n.pointer(EPISODE), n.pointer(again), 1.0, 0, n.c.byref(result)
        )
        assert code == n.OTHER_NAME and (result.slot, result.previous) == (0, b"cup")
        assert read_memory(tmp_path / "m").state() == before
        both = memory.teach("mug", EPISODE, again, flags=n.BOTH)
        assert (both.slot, both.action, both.alike) == (1, n.NEW, b"cup") and both.alike_cosine == pytest.approx(
            0.95, abs=0.01
        )
        assert memory.teach("bowl", EPISODE, axis(0), flags=n.REPLACE).previous == b"cup"
        assert memory.names() == {0: "bowl", 1: "mug"}
        with pytest.raises(n.StoreError):
            memory.teach("x", EPISODE, axis(0), flags=n.REPLACE | n.BOTH)


def test_a_thing_goes_as_a_whole(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config(4)) as memory:
        memory.teach("cup", EPISODE, axis(0))
        memory.teach("cup", EPISODE, axis(1))
        memory.teach("mug", EPISODE, axis(2))
        memory.teach("fox", EPISODE, axis(3))
        result = memory.teach("new", EPISODE, axis(4))
        assert (result.action, result.slot, result.previous) == (n.EVICTED, 0, b"cup")
        assert memory.names() == {0: "new", 2: "mug", 3: "fox"}, "both slots of the cup"


def test_no_thing_displaces_itself(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config(2)) as memory:
        memory.teach("cup", EPISODE, axis(0))
        memory.teach("mug", EPISODE, axis(1))
        memory.read(1)
        other_look = memory.teach("cup", EPISODE, axis(2))
        assert (other_look.action, other_look.slot) == (n.MERGE, 0)


def test_what_is_kept_is_neither_evicted_nor_pruned(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config(2)) as memory:
        memory.teach("cup", EPISODE, axis(0), importance=0.0, flags=n.KEEP)
        for i in range(1, 6):
            assert memory.teach(f"thing {i}", EPISODE, axis(i)).slot == 1
        memory.call("prune", n.c.c_float(2.0), None)
        assert memory.names() == {0: "cup"}
        memory.teach("mug", EPISODE, axis(1), flags=n.KEEP)
        with pytest.raises(n.StoreError) as error:
            memory.teach("one more", EPISODE, axis(2))
        assert error.value.code == n.MEMORY_FULL
    assert [r.kept for r in read_memory(tmp_path / "m").records] == [True, True]


def test_renaming_a_thing_renames_all_of_it(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        for i in range(2):
            memory.teach("cup", EPISODE, axis(i), flags=n.DECODES | n.KEEP)
        memory.teach("mug", EPISODE, axis(2), flags=n.DECODES)
        keys = [key_of(memory, slot).tobytes() for slot in range(3)]
        memory.call("rename_thing", b"cup", b"beaker", n.pointer(-EPISODE), n.DECODES)
        assert memory.names() == {0: "beaker", 1: "beaker", 2: "mug"}
        memory.rename(b"mug", b"bowl")
        assert [memory.info(slot).decodes for slot in range(3)] == [1, 1, 0], "the episode does not say bowl"
        assert [memory.info(slot).kept for slot in range(3)] == [1, 1, 0]
        assert [key_of(memory, slot).tobytes() for slot in range(3)] == keys
        for word, name, code in (("rename_thing", b"none", n.NOT_FOUND), ("rename_thing", b"bowl", n.NAME_LONG)):
            with pytest.raises(n.StoreError) as error:
                memory.call(word, name, b"x" * (64 if name == b"bowl" else 1), n.pointer(EPISODE), 0)
            assert error.value.code == code
    card = read_memory(tmp_path / "m")
    assert [card.values(slot) for slot in range(2)] == [[-float(np.float16(x)) for x in EPISODE]] * 2


def test_a_confirmation_stays_within_its_bounds_and_on_the_card(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        memory.teach("cup", EPISODE, axis(0), importance=0.5)
        for _ in range(8):
            memory.call("confirm", 0, 0.1)
        assert memory.info(0).importance == 1.0
        for _ in range(8):
            memory.call("confirm", 0, -0.2)
        assert memory.info(0).importance == pytest.approx(0.05)
        with pytest.raises(n.StoreError):
            memory.call("confirm", 3, 0.1)
        n.abandon(memory)
    assert read_memory(tmp_path / "m").records[0].importance == pytest.approx(0.05)


def test_prune_lets_go_of_what_is_like_something_else(tmp_path: Path) -> None:
    """Equally important: of two look-alikes one goes, what is like nothing else stays."""
    with n.opened(tmp_path / "m", config()) as memory:
        memory.teach("fox", EPISODE, axis(0), importance=0.5)
        memory.teach("cup", EPISODE, axis(1), importance=0.5)
        memory.teach("mug", EPISODE, near(axis(1), 0.8, 2), importance=0.5)
        pruned = n.c.c_uint32()
        memory.call("prune", n.c.c_float(0.2), n.c.byref(pruned))
        assert pruned.value == 1 and list(memory.names().values()) == ["fox", "mug"]


def test_the_best_slot_and_the_others(tmp_path: Path) -> None:
    with n.opened(tmp_path / "m", config()) as memory:
        query = memory.quantize(axis(0))[0]
        assert memory.nearest(query).slot == -1
        memory.teach("cup", EPISODE, near(axis(0), 0.6, 1))
        found = memory.nearest(query)
        assert (found.slot, found.others, found.other_slots) == (0, 0.0, 0)
        memory.teach("cup", EPISODE, axis(2))
        memory.teach("mug", EPISODE, near(axis(0), 0.2, 3))
        memory.teach("fox", EPISODE, near(axis(0), 0.4, 4))
        found = memory.nearest(query)
        assert found.slot == 0 and found.cosine == pytest.approx(0.6, abs=0.01)
        assert found.other_slots == 2 and found.others == pytest.approx(0.3, abs=0.01), "not the cup's other view"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 128, 256]))
def test_cosines_are_the_specified_arithmetic(seed: int, dim: int) -> None:
    a, b = np.random.default_rng(seed).integers(-127, 128, (2, dim)).astype(np.int8)
    f, wide = np.float32, (a.astype(np.int32), b.astype(np.int32))
    dot, aa, bb = (f(int(x @ y)) for x, y in ((wide[0], wide[1]), (wide[0], wide[0]), (wide[1], wide[1])))
    assert n.library().ms_cosine(n.pointer(a), n.pointer(b), dim) == dot / np.sqrt(aa * bb)
    assert n.library().ms_cosine(n.pointer(a), n.pointer(np.zeros_like(a)), dim) == 0


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1))
def test_any_life_has_no_duplicates_and_one_count_a_thing(tmp_path: Path, seed: int) -> None:
    """Words at random: a name never has more slots than it may, what is kept is there, and a new start finds the same."""
    rng = np.random.default_rng(seed)
    folder = tmp_path / "m"
    shutil.rmtree(folder, ignore_errors=True)
    looks = [unit(rng.standard_normal(DIM)) for _ in range(24)]
    kept: set[str] = set()
    with n.opened(folder, config(6)) as memory:
        for _ in range(40):
            i = int(rng.integers(12))
            word = rng.choice(["teach", "teach", "teach", "confirm", "read", "keep"])
            names = memory.names()
            if word in ("teach", "keep") and (word == "teach" or len(kept) < 2):
                flags = n.BOTH | n.DECODES | (n.KEEP if word == "keep" else 0)
                memory.teach(f"thing {i}", EPISODE, looks[2 * i + int(rng.integers(2))], importance=0.5, flags=flags)
                kept |= {f"thing {i}"} if word == "keep" else set()
            elif names and word in ("confirm", "read"):
                slot = int(rng.choice(list(names)))
                memory.read(slot) if word == "read" else memory.call("confirm", slot, rng.choice([0.1, -0.2]))
            things = list(memory.names().values())
            assert all(things.count(name) <= 2 for name in things) and kept <= set(things)
            for name in set(things):
                own = [memory.info(slot) for slot, other in memory.names().items() if other == name]
                assert len({(info.last_access, info.importance) for info in own}) == 1
        expected = {
            slot: (name, memory.info(slot).views, memory.info(slot).uses) for slot, name in memory.names().items()
        }
    records = [r for r in read_memory(folder).records if r.state == 1]
    assert {r.slot: (r.name, r.views, r.uses) for r in records} == expected


def test_a_card_of_version_0_1_counts_as_one_view(tmp_path: Path) -> None:
    """Zeros in the bytes that were reserved: one view, not known to decode, not kept."""
    folder = tmp_path / "m"
    with n.opened(folder, config()) as memory:
        memory.teach("cup", EPISODE, axis(0))
    n.make_version_1(folder)
    put_old_record(folder)
    with n.opened(folder, config()) as memory:
        info = memory.info(0)
        assert memory.report.kept == n.CLEAN and (info.views, info.decodes, info.kept) == (1, 0, 0)
        memory.teach("cup", -EPISODE, axis(0), flags=n.DECODES)
        assert memory.info(0).views == 2 and memory.info(0).decodes


def put_old_record(folder: Path) -> None:
    """Slot 0's record in both copies as version 0.1 wrote it: bytes 56 to 59 are 0."""
    import zlib

    for file, at in (("memory_index.bin", 512), ("memory_backup.bin", 65536 + 512)):
        data = bytearray((folder / file).read_bytes())
        record = data[at : at + 256]
        record[56:60] = bytes(4)
        identity = bytes((folder / "memory_index.bin").read_bytes()[:32])
        assert identity[8] == 1
        crc = zlib.crc32(record[64:], zlib.crc32(record[:60], zlib.crc32(identity)))
        record[60:64] = crc.to_bytes(4, "little")
        data[at : at + 256] = record
        (folder / file).write_bytes(data)


def test_selective_persistence(tmp_path: Path) -> None:
    """A device that saves only what matters (min_importance 0.5). A passer-by, seen once, is known while the power is on and
    forgotten without a trace; a friend is on the card; a passer-by who comes again and again becomes one."""
    folder, rules = tmp_path / "m", config(min_importance=0.5)
    with n.opened(folder, rules) as memory:
        assert memory.teach("friend", EPISODE, axis(0), importance=0.5).saved
        memory.lib.ms_reset_stats(memory.handle)
        assert not memory.teach("passer-by", EPISODE, axis(1), importance=0.2).saved
        assert memory.stats().sectors_written == 0 and memory.nearest(memory.quantize(axis(1))[0]).slot == 1
    on_card = b"".join(file.read_bytes() for file in folder.rglob("*.*"))
    assert b"friend" in on_card and b"passer-by" not in on_card
    with n.opened(folder, rules) as memory:
        assert list(memory.names().values()) == ["friend"]
        memory.teach("passer-by", EPISODE, axis(1), importance=0.2)
        assert memory.teach("passer-by", EPISODE, axis(1), importance=0.6).saved, "important enough now"
    with n.opened(folder, rules) as memory:
        assert list(memory.names().values()) == ["friend", "passer-by"] and memory.info(1).views == 2
