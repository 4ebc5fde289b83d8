"""Property: a port without the functions that it may leave out, a card without a history and RAM whose bits fall over do not
decide what is remembered: each word says what it cannot do."""

from __future__ import annotations

import contextlib
import ctypes as c

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard
from tests.memstore.test_failing_calls import CONFIG, FailingCard, axis, contents, episode, lived

OPTIONAL = ("lock", "unlock", "micros", "remove", "random")


def without(card: RamCard, *functions: str) -> RamCard:
    for name in functions:
        setattr(card.port, name, None)
    return card


@pytest.mark.parametrize("missing", [*((name,) for name in OPTIONAL), OPTIONAL])
def test_a_port_without(missing: tuple[str, ...]) -> None:
    card = without(RamCard(), *missing)
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    wanted = contents(memory)
    memory.close()
    assert card.files["memory_index.bin"][20:24] != bytes(4), "a salt in any case"
    assert contents(card.open(n.config(**CONFIG))) == wanted


def test_a_salt_of_ones_own_choice_and_never_none() -> None:
    card = RamCard()
    card.open(n.config(**CONFIG, salt=77))
    assert card.files["memory_index.bin"][20] == 77
    card = RamCard()
    card.salts.randrange = lambda *_: 0
    card.open(n.config(**CONFIG))
    assert card.files["memory_index.bin"][20] == 1


@pytest.mark.parametrize("missing", [(), ("remove",)])
@pytest.mark.parametrize("fail_at", [3, 9, 14, 17, 23])
def test_a_memory_that_cannot_be_made(missing: tuple[str, ...], fail_at: int) -> None:
    card = without(FailingCard(), *missing)
    card.fail_at, card.lasting = fail_at, True
    with pytest.raises(n.StoreError):
        card.open(n.config(**CONFIG))
    card.fail_at, card.names = 0, []
    if missing:
        return
    lived(card.open(n.config(**CONFIG)))


class LateRemovals(RamCard):
    """A name that was removed is gone for certain only behind a barrier."""

    def __init__(self) -> None:
        super().__init__()
        self.leaving: dict[str, bytes] = {}

    def do_remove(self, context: int, name: bytes) -> int:
        content = self.durable.get(name.decode())
        if content is not None:
            self.leaving[name.decode()] = bytes(content)
        return super().do_remove(context, name)

    def do_sync(self, context: int) -> int:
        status = super().do_sync(context)
        if not status:
            self.leaving = {}
        return status


def test_a_memory_that_could_not_be_made_can_be_made_later() -> None:
    """A barrier fails while it is made and what there is of it is removed; a cut brings some of the names back."""
    failed = finished = 0
    while not finished:
        failed += 1
        card = LateRemovals()
        card.fail_sync = lambda number, fails=failed: number == fails
        try:
            card.open(n.config(**CONFIG))
            finished = 1
        except n.StoreError:
            for some in range(1 << len(card.leaving)):
                after = card.cut()
                for i, (name, content) in enumerate(card.leaving.items()):
                    if some >> i & 1:
                        after.put(name, content)
                assert after.open(n.config(**CONFIG)).names() == {}
    assert failed > 5


def test_both_copies_damaged_without_a_way_to_remove_the_spare_one() -> None:
    card = without(RamCard(), "remove")
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    wanted = contents(memory)
    memory.close()
    for name, at in (("memory_index.bin", 600), ("memory_backup.bin", 65536 + 1024 + 50)):
        for files in (card.files, card.durable):
            files[name][at] ^= 1
    again = card.open(n.config(**CONFIG))
    assert again.report.kept == n.MERGED and contents(again) == wanted


def test_a_small_card_gets_small_files() -> None:
    card = RamCard()
    card.room = 1 << 20
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    assert len(card.files["history/000000.bin"]) < 1 << 20
    full = RamCard()
    full.room = 250_000
    with pytest.raises(n.StoreError) as error:
        full.open(n.config(**CONFIG))
    assert error.value.code == n.CARD_FULL and not full.files


def test_a_full_history_on_a_port_that_cannot_remove() -> None:
    card = without(RamCard(), "remove")
    memory = card.open(n.config(**{**CONFIG, "min_importance": 0}, segment_bytes=1, history_files=2))
    with pytest.raises(n.StoreError) as error:
        for i in range(600):
            memory.teach(f"thing {i}", episode(i), axis(i % 32))
    assert error.value.code == n.CARD_FULL
    names = memory.names()
    assert memory.names() == names and card.open(n.config(**CONFIG)).names() == names


HISTORY = {
    "range": lambda m: m.call("history_range", c.byref(c.c_uint32()), c.byref(c.c_uint32())),
    "info": lambda m: m.call("history_info", c.c_uint32(1), c.byref(n.State())),
    "find": lambda m: m.call("history_find", c.c_uint32(102), c.byref(c.c_uint32())),
    "diff": lambda m: m.call("diff", c.c_uint32(1), c.c_uint32(2)),
    "diff slot": lambda m: m.call("diff_slot", 0, c.create_string_buffer(64), c.create_string_buffer(64)),
    "undo": lambda m: m.call("undo", c.c_uint32(1), c.byref(c.c_uint32())),
    "restore": lambda m: m.call("restore", c.c_uint32(1)),
}


@pytest.mark.parametrize("word", HISTORY)
def test_a_history_that_is_not_there(word: str, tmp_path: object) -> None:
    """Deleted, looked at only; and a card of version 1, which has none."""
    with n.opened(tmp_path / "m", n.config(**CONFIG)) as memory:
        lived(memory)
    n.forget_history(tmp_path / "m")
    expected = n.READ_ONLY if word in ("undo", "restore") else n.NOT_FOUND
    for flags in (1, 0):
        if not flags:
            n.make_version_1(tmp_path / "m")
        with n.opened(tmp_path / "m", n.config(**CONFIG), flags=flags) as memory:
            assert memory.verify().lost == 0 and memory.report.state == 0
            with pytest.raises(n.StoreError) as error:
                HISTORY[word](memory)
            assert error.value.code == (expected if flags else n.NOT_FOUND)
            assert len(memory.names()) == 4


def test_a_restore_of_version_1_that_was_cut(tmp_path: object) -> None:
    with n.opened(tmp_path / "m", n.config(**CONFIG)) as memory:
        lived(memory)
    n.make_version_1(tmp_path / "m")
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", 65536)):
        data = bytearray((tmp_path / "m" / name).read_bytes())
        data[at + 40] = 3
        data[at : at + 512] = n.seal(data[at : at + 512])
        (tmp_path / "m" / name).write_bytes(data)
    for flags, said in ((1, 1), (0, 1), (0, 0)):
        with n.opened(tmp_path / "m", n.config(**CONFIG), flags=flags) as memory:
            assert memory.report.restore_cut == said and len(memory.names()) == 4
            assert ("interrupted restore" in memory.report_text()) == bool(said)


@pytest.mark.parametrize("word", HISTORY)
def test_the_history_after_a_write_whose_outcome_is_open(word: str) -> None:
    card = FailingCard()
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    card.count, card.fail_at, card.lasting = 0, 2, True
    with pytest.raises(n.StoreError):
        memory.teach("new", episode(20), axis(20))
    with pytest.raises(n.StoreError) as error:
        HISTORY[word](memory)
    assert error.value.code == n.IO
    card.fail_at = 0
    HISTORY[word](memory)


def fall_over(memory: n.Memory, slot: int) -> None:
    """A bit of this slot's key in RAM."""
    ram, key = memory.buffer.view(np.uint8), n.c.string_at(memory.info(slot).key, CONFIG["dim"])
    ram[ram.tobytes().find(key) + 3] ^= 4


AFTER_IT_FELL = {
    "teach": lambda m: m.teach("mug", episode(3), axis(2)),
    "teach beside it": lambda m: m.teach("cup", episode(3), axis(1), replace=True),
    "forget": lambda m: m.call("forget", b"mug", None),
    "forget slot": lambda m: m.call("forget_slot", 2),
    "rename": lambda m: m.rename(b"mug", b"glass", episode(3)),
    "confirm": lambda m: m.call("confirm", 2, c.c_float(-0.3)),
    "flush": lambda m: (m.read(0), m.read(2), m.call("flush")),
    "undo": lambda m: m.call("undo", c.c_uint32(2), None),
    "verify": lambda m: m.verify(),
}


@pytest.mark.parametrize("broken", [False, True], ids=["", "and the card fails"])
@pytest.mark.parametrize("slot", [2, 3])
@pytest.mark.parametrize("word", AFTER_IT_FELL)
def test_a_bit_of_ram_and_the_next_word(word: str, slot: int, broken: bool) -> None:
    card = FailingCard()
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    before = {slot: (name, key_of(memory, slot)) for slot, name in memory.names().items()}
    fall_over(memory, slot)
    card.count, card.fail_at, card.lasting = 0, int(broken), True
    with contextlib.suppress(n.StoreError):
        AFTER_IT_FELL[word](memory)
    card.fail_at = 0
    again = card.open(n.config(**CONFIG))
    assert again.report.lost == 0
    for other, (name, key) in before.items():
        if other != 2 and again.names().get(other) == name:
            assert key_of(again, other) == key


def key_of(memory: n.Memory, slot: int) -> bytes:
    return n.c.string_at(memory.info(slot).key, CONFIG["dim"])


def test_a_bit_of_ram_without_a_card() -> None:
    with n.opened(None, n.config(**CONFIG)) as memory:
        memory.teach("a", episode(0), axis(0))
        fall_over(memory, 0)
        with pytest.raises(n.StoreError) as error:
            memory.teach("a", episode(1), axis(0))
        assert error.value.code == n.DAMAGED


def test_a_read_where_the_whole_cache_is_taken_by_what_is_not_saved() -> None:
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    memory.teach("saved", episode(0), axis(0))
    for i in range(1, 4):
        memory.teach(f"passing {i}", episode(i), axis(i), importance=0.1)
    assert np.array_equal(memory.read(0).astype(np.float16), episode(0).astype(np.float16))
    for i in range(4):
        memory.read(i)


@pytest.mark.parametrize("saved", [True, False])
def test_a_thing_of_two_slots_makes_room(saved: bool) -> None:
    importance = 1.0 if saved else 0.1
    memory = RamCard().open(n.config(**CONFIG))
    for i in range(2):
        memory.teach("old", episode(i), axis(i), importance=importance)
    for i in range(2, 6 if saved else 3):
        memory.teach(f"thing {i}", episode(i), axis(i), importance=importance)
    memory.teach("new", episode(20), axis(20), importance=importance)
    assert "old" not in memory.names().values() and "new" in memory.names().values()


def test_unsaved_becomes_saved_with_what_decodes() -> None:
    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    memory.teach("a", episode(0), axis(0), importance=0.1, flags=n.DECODES)
    assert not memory.teach("a", episode(1), axis(0), importance=0.2, flags=n.DECODES).saved
    assert memory.teach("a", episode(2), axis(0), importance=0.9, flags=n.DECODES).saved
    again = card.open(n.config(**CONFIG))
    assert np.array_equal(again.read(0).astype(np.float16), episode(0).astype(np.float16))
    assert again.teach("b", episode(3), axis(5), replace=True).action == n.NEW, "there is nothing to replace"


def test_a_key_without_a_direction() -> None:
    memory = RamCard().open(n.config(**CONFIG, prototypes=1))
    for key in (np.zeros(32), np.zeros(32), np.full(32, 3e38)):
        memory.teach("a", episode(0), key.astype(np.float32))
    assert memory.info(0).views == 3 and np.isfinite(memory.info(0).key_scale)


def test_a_rename_that_changes_nothing_but_letters_is_undone() -> None:
    memory = RamCard().open(n.config(**CONFIG))
    memory.teach("cup", episode(0), axis(0))
    memory.rename(b"cup", b"mug", episode(0))
    memory.call("undo", c.c_uint32(1), None)
    assert memory.names() == {0: "cup"}
    memory.rename(b"cup", b"cup", episode(0))
    memory.call("undo", c.c_uint32(1), c.byref(c.c_uint32()))
    assert memory.names() == {0: "cup"}


def test_a_confirmation_at_the_bounds() -> None:
    memory = RamCard().open(n.config(**CONFIG))
    for importance, step, then in (
        (2.0, 0.1, 2.0),
        (0.97, 0.1, 1.0),
        (0.6, -0.9, 0.05),
        (0.6, 0.1, 0.7),
        (0.6, 0, 0.6),
    ):
        memory.teach("a", episode(0), axis(0), importance=importance)
        memory.call("confirm", 0, c.c_float(step))
        assert memory.info(0).importance == pytest.approx(then)
        memory.call("forget", b"a", None)
    memory.teach("b", episode(0), axis(1), importance=0.04)
    memory.call("confirm", memory.find("b"), c.c_float(-0.1))
    assert memory.info(memory.find("b")).importance == pytest.approx(0.04)


def test_names_and_numbers_in_the_metadata() -> None:
    import json

    card = RamCard()
    memory = card.open(n.config(**CONFIG))
    memory.teach('a\x01\x7f"\\\u00e9', episode(0), axis(0), importance=5e9, flags=n.KEEP | n.DECODES)
    memory.teach("b", episode(0), axis(1), importance=0.6)
    memory.close()
    (one, two) = json.loads(bytes(card.files["memory_metadata.json"]))["episodes"]
    assert one["name"] == 'a\x01\x7f"\\\u00e9' and one["kept"] and one["importance"] == 4e9
    assert two["importance"] == pytest.approx(0.6)


def test_what_a_report_says() -> None:
    names = ((c.c_char * 64) * 16)()
    names[0].value = b"cup"
    for field, value, said in (
        ("read_only", 1, "read-only, nothing is saved: both copies agree"),
        ("metadata_repaired", 2, "rewrote memory_metadata.json"),
        ("metadata_error", n.CARD_FULL, "cannot be written: the card is full"),
        ("log_repaired", 3, "repaired 3 sectors of the history"),
        ("from_history", 4, "took 4 slots from the history alone"),
        ("history_gone", 1, "the history is gone"),
        ("states_damaged", 5, "of the last 0 states 5 are damaged"),
        ("mirror_repaired", 6, "(0 primary and 6 mirror sectors)"),
        ("kept", 9, "both copies agree"),
        ("lost", 1, "LOST: 1 slot (0 cup)"),
        ("lost", 2, "LOST: 2 slots (0 cup, 0)"),
        ("lost", 17, ", ...)"),
    ):
        report = n.Report(lost_names=names)
        setattr(report, field, value)
        text = c.create_string_buffer(1024)
        n.library().ms_report_text(c.byref(report), text, c.c_size_t(1024))
        assert said in text.value.decode()
    report = n.Report(read_only=1, kept=n.MERGED, primary_repaired=2)
    n.library().ms_report_text(c.byref(report), text, c.c_size_t(1024))
    assert "each copy has lost something" in text.value.decode() and "primary and" not in text.value.decode()
