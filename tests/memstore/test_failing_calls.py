"""Property: whichever call of the card fails, once or from then on, a word says so or has done what it says; every slot is
then what it was before the word or what it is after it, here and on the card."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 6, "dim": 32, "hot": 3, "min_importance": 0.5}
POINTS = 40  # of a word's calls, so many fail


class FailingCard(RamCard):
    """Call number `fail_at` returns `code`, with `lasting` every one from it on."""

    fail_at, lasting, code, count = 0, False, n.IO, 0


def failing(name: str) -> Callable:
    inner = getattr(RamCard, f"do_{name}")

    def do(self: FailingCard, context: int, *arguments) -> int:
        self.count += 1
        fails = self.count >= self.fail_at if self.lasting else self.count == self.fail_at
        return self.code if self.fail_at and fails else inner(self, context, *arguments)

    return do


for _name in ("open", "close", "size", "preallocate", "read", "write", "sync", "remove"):
    setattr(FailingCard, f"do_{_name}", failing(_name))


def axis(i: int) -> np.ndarray:
    key = np.zeros(CONFIG["dim"], np.float32)
    key[i] = 1
    return key


def episode(i: int) -> np.ndarray:
    return np.random.default_rng(i).standard_normal(CONFIG["dim"]).astype(np.float32)


def contents(memory: n.Memory) -> list[tuple]:
    """Of each slot that is saved: name, importance, numbers; from the last one on, so that the cache still has the newest."""
    out = []
    for slot in reversed(range(CONFIG["slots"])):
        info = memory.info(slot)
        saved = info.occupied and info.saved
        out.append((info.name, info.importance, memory.read(slot).tobytes()) if saved else (b"", 0, b""))
    return out


def lived(memory: n.Memory) -> None:
    """A thing of two slots, one that decodes and is kept, one that is not saved; a few states."""
    for i, (name, flags) in enumerate((("cup", 0), ("cup", 0), ("mug", n.DECODES | n.KEEP), ("bowl", 0), ("fork", 0))):
        memory.lib.ms_set_time(memory.handle, 100 + i)
        memory.teach(name, episode(i), axis(i), flags=flags)
    memory.call("forget", b"fork", None)
    memory.rename(b"bowl", b"plate", episode(9))
    memory.teach("passing", episode(7), axis(7), importance=0.1)
    for slot in (0, 2, 3):  # into the cache, and last what an undo changes
        memory.read(slot)


def diff(memory: n.Memory) -> None:
    memory.call("diff", 1, 6)
    for slot in range(CONFIG["slots"]):
        memory.call("diff_slot", slot, c.create_string_buffer(64), c.create_string_buffer(64))


def look_back(memory: n.Memory) -> None:
    found, state = c.c_uint32(), n.State()
    memory.call("history_range", c.byref(c.c_uint32()), c.byref(c.c_uint32()))
    memory.call("history_find", c.c_uint32(102), c.byref(found))
    memory.call("history_info", found, c.byref(state))


def recall(memory: n.Memory) -> None:
    memory.recall(*memory.quantize(axis(0)), 5)


def fill(memory: n.Memory) -> None:
    for i in range(10, 13):
        memory.teach(f"thing {i}", episode(i), axis(i))


WORDS: dict[str, Callable[[n.Memory], object]] = {
    "teach": lambda m: m.teach("new", episode(20), axis(20)),
    "teach again": lambda m: m.teach("mug", episode(20), axis(2)),
    "another view": lambda m: m.teach("mug", episode(20), axis(20)),
    "replace": lambda m: m.teach("new", episode(20), axis(0), replace=True),
    "replace by name": lambda m: m.teach("cup", episode(20), axis(20), replace=True),
    "save": lambda m: m.teach("passing", episode(20), axis(7), importance=0.9),
    "fill and evict": fill,
    "confirm": lambda m: m.call("confirm", 0, c.c_float(-0.2)),
    "rename": lambda m: m.rename(b"cup", b"beaker", episode(21)),
    "forget": lambda m: m.call("forget", b"cup", None),
    "prune": lambda m: m.call("prune", c.c_float(2.0), None),
    "undo": lambda m: m.call("undo", c.c_uint32(3), None),
    "restore": lambda m: m.call("restore", c.c_uint32(3)),
    "diff": diff,
    "look back": look_back,
    "recall": recall,
    "verify": lambda m: m.verify(),
    "flush": lambda m: m.call("flush"),
    "close": lambda m: m.call("close"),
}


class Bench:
    """A memory that every scenario starts from again."""

    def __init__(self, prepare: Callable[[n.Memory], object] = lived, card: FailingCard | None = None) -> None:
        self.card = card or FailingCard()
        self.memory = self.card.open(n.config(**CONFIG))
        prepare(self.memory)
        self.ram = self.memory.buffer.copy()
        self.files = {name: bytes(data) for name, data in self.card.files.items()}
        self.durable = {name: bytes(data) for name, data in self.card.durable.items()}
        self.waiting, self.names = list(self.card.waiting), list(self.card.names)

    def again(self) -> None:
        self.memory.buffer[:] = self.ram
        self.card.files = {name: bytearray(data) for name, data in self.files.items()}
        self.card.durable = {name: bytearray(data) for name, data in self.durable.items()}
        self.card.waiting, self.card.names = list(self.waiting), list(self.names)
        self.card.fail_at, self.card.count = 0, 0

    def reopened(self) -> list[tuple]:
        names = self.card.names
        memory = self.card.open(n.config(**CONFIG))
        assert memory.report.lost == 0
        found = contents(memory)
        self.card.names = names
        return found

    def run(self, act: Callable[[n.Memory], object]) -> int:
        try:
            act(self.memory)
        except n.StoreError as error:
            return error.code
        return n.OK


@pytest.mark.parametrize("word", WORDS)
def test_a_word(word: str) -> None:
    bench = Bench()
    before, act = bench.reopened(), WORDS[word]
    bench.again()
    assert bench.run(act) == n.OK
    calls = bench.card.count
    after = bench.reopened()
    reported = 0
    for lasting in (False, True):
        for at in range(1, calls + 1, 1 + calls // POINTS):
            bench.again()
            bench.card.fail_at, bench.card.lasting = at, lasting
            code = bench.run(act)
            reported += code != n.OK
            bench.card.fail_at = 0
            if word != "close":
                bench.memory.lib.ms_read_slot(bench.memory.handle, 0, n.pointer(np.zeros(32, np.float32)))
                here = contents(bench.memory)
                assert here == after or code or not lasting or word == "fill and evict", f"call {at}: done, and is not"
                assert all(x in (a, b) for x, a, b in zip(here, before, after, strict=True)) or word == "fill and evict"
            found = bench.reopened()
            if not code and word not in (
                "close",
                "flush",
                "fill and evict",
            ):  # what is left of an evicted thing is whole
                assert found == after, f"call {at}: it said done"
            if word != "fill and evict":
                assert all(x in (a, b) for x, a, b in zip(found, before, after, strict=True)), f"call {at}"
    assert reported or not calls


@pytest.mark.parametrize("flags", [0, 1], ids=["to write", "to read"])
@pytest.mark.parametrize("spoilt", ["", "memory_index.bin", "memory_backup.bin", "history/000000.bin"])
def test_opening(flags: int, spoilt: str) -> None:
    """Of a card that is whole, or of which one file's beginning is gone."""
    card = FailingCard()
    memory = card.open(n.config(**CONFIG))
    lived(memory)
    wanted = contents(memory)
    memory.close()
    if spoilt:
        for content in (card.files, card.durable):
            content[spoilt][:70000] = bytes(70000)[: len(content[spoilt])]
    files = {name: bytes(data) for name, data in card.files.items()}
    card.count = 0
    card.open(n.config(**CONFIG), flags)
    calls, refused = card.count, 0
    for lasting in (False, True):
        for at in range(1, calls + 1, 1 + calls // POINTS):
            card.files = {name: bytearray(data) for name, data in files.items()}
            card.durable = {name: bytearray(data) for name, data in files.items()}
            card.waiting, card.count, card.fail_at, card.lasting = [], 0, at, lasting
            try:
                opened = card.open(n.config(**CONFIG), flags)
                card.fail_at = 0
                assert contents(opened) == wanted
            except n.StoreError as error:
                refused += 1
                assert error.code == n.IO
            card.fail_at = 0
            assert contents(card.open(n.config(**CONFIG))) == wanted, f"call {at}"
    assert refused


def test_the_first_write_to_a_card_of_version_1(tmp_path: object) -> None:
    with n.opened(tmp_path / "m", n.config(**CONFIG)) as memory:
        lived(memory)
    n.make_version_1(tmp_path / "m")
    card = FailingCard()
    for path in (tmp_path / "m").glob("*.*"):
        card.put(path.name, path.read_bytes())
    files = {name: bytes(data) for name, data in card.files.items()}
    memory = card.open(n.config(**CONFIG))
    before = contents(memory)
    card.count = 0
    memory.teach("new", episode(20), axis(20))
    calls, after = card.count, contents(memory)
    for lasting in (False, True):
        for at in range(1, calls + 1, 1 + calls // POINTS):
            card.files = {name: bytearray(data) for name, data in files.items()}
            card.durable = {name: bytearray(data) for name, data in files.items()}
            card.waiting, card.fail_at = [], 0
            memory = card.open(n.config(**CONFIG))
            card.count, card.fail_at, card.lasting = 0, at, lasting
            code = n.OK
            try:
                memory.teach("new", episode(20), axis(20))
            except n.StoreError as error:
                code = error.code
            card.fail_at = 0
            found = contents(card.open(n.config(**CONFIG)))
            assert found == after if not code else found in (before, after), f"call {at}"


def test_asking_whose_memory_it_is() -> None:
    card, found = FailingCard(), n.Config()
    probe = n.library().ms_probe
    card.code = n.NO_CARD
    assert probe(c.byref(card.port), c.byref(found)) == n.NOT_FOUND
    lived(card.open(n.config(**CONFIG)))
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", 0), ("memory_backup.bin", 65536)):
        card.names, card.count, card.fail_at = [], 0, 1
        assert probe(c.byref(card.port), c.byref(found)) == n.NO_CARD
        for fail_at in (2, 3):
            card.names, card.count, card.fail_at = [], 0, fail_at
            probe(c.byref(card.port), c.byref(found))
        card.names, card.fail_at = [], 0
        assert probe(c.byref(card.port), c.byref(found)) == n.OK and found.slots == CONFIG["slots"]
        card.files[name][at] ^= 1
    card.names = []
    assert probe(c.byref(card.port), c.byref(found)) == n.FORMAT
    card.files["memory_index.bin"][:] = card.files["memory_backup.bin"][:] = b""
    assert probe(c.byref(card.port), c.byref(found)) == n.FORMAT
