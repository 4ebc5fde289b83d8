"""Property: an argument that is missing or out of range is refused with its own error before anything is done."""

from __future__ import annotations

import ctypes as c

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2}
NAN, INFINITE = float("nan"), float("inf")


FLOATS, BYTES = np.zeros(64, np.float32), np.zeros(64, np.int8)
NANS, INFINITES = np.full(32, np.nan, np.float32), np.full(32, np.inf, np.float32)
NUMBER, COHORT = c.c_uint32(), np.ones((3, 32), np.int8)
NEAREST = n.Nearest(slot=0)


def refusal(**changes: object) -> n.Refusal:
    values = {"cohort": COHORT.ctypes.data, "rows": 3, "top": 2, "weights": (c.c_float * 8)(*[1.0] * 8)}
    return n.Refusal(**{**values, "known": 1.0, **changes})


class Needed:
    """A pointer that must not be NULL."""

    def __init__(self, value: object) -> None:
        self.value = value


def out(kind: type) -> Needed:
    return Needed(c.byref(kind()))


# what follows the memory; Needed: each in its turn is NULL
CALLS = {
    "close": (),
    "flush": (),
    "verify": (None,),
    "teach": (Needed(b"x"), Needed(n.pointer(FLOATS)), Needed(n.pointer(FLOATS)), c.c_float(1), 0, None),
    "forget": (Needed(b"x"), None),
    "forget_slot": (0,),
    "rename_thing": (Needed(b"x"), Needed(b"y"), Needed(n.pointer(FLOATS)), 0),
    "confirm": (0, c.c_float(0.1)),
    "prune": (c.c_float(0), None),
    "nearest": (Needed(n.pointer(BYTES)), out(n.Nearest)),
    "judge": (Needed(n.pointer(BYTES)), Needed(c.byref(NEAREST)), Needed(c.byref(refusal())), out(c.c_float)),
    "read_slot": (0, Needed(n.pointer(FLOATS))),
    "as_stored": (Needed(n.pointer(FLOATS)),),
    "recall": (Needed(n.pointer(BYTES)), c.c_float(1), 1, *[Needed(n.pointer(FLOATS))] * 4),
    "slot_info": (0, out(n.Info)),
    "find": (Needed(b"x"), 0),
    "find_similar": (Needed(b"x"),),
    "history_range": (out(c.c_uint32), out(c.c_uint32)),
    "history_info": (0, out(n.State)),
    "history_find": (0, out(c.c_uint32)),
    "restore": (0,),
    "undo": (1, None),
    "diff": (0, 0),
    "diff_slot": (0, Needed(c.create_string_buffer(64)), Needed(c.create_string_buffer(64))),
}


def made() -> tuple[RamCard, n.Memory]:
    card, rng = RamCard(), np.random.default_rng(0)
    memory = card.open(n.config(**CONFIG))
    for i in range(3):
        memory.teach(f"thing {i}", *n.random_episode(rng, CONFIG["dim"]))
    return card, memory


def call(name: str, memory: object, arguments: list) -> int:
    """Without the types that the library was told of: NULL where they forbid it."""
    function = c.CFUNCTYPE(
        c.c_int, c.c_void_p, *[type(a) if isinstance(a, c.c_float) else c.c_void_p for a in arguments]
    )
    values = [c.cast(a, c.c_void_p) if isinstance(a, bytes | c.Array) or type(a).__name__ == "CArgObject" else a
              for a in arguments]  # fmt: skip
    address = c.cast(getattr(n.library(), f"ms_{name}"), c.c_void_p).value
    return function(address)(memory, *values)


@pytest.mark.parametrize("name", CALLS)
def test_no_pointer_may_be_missing(name: str) -> None:
    card, memory = made()
    written = card.writes
    plain = [a.value if isinstance(a, Needed) else a for a in CALLS[name]]
    assert call(name, None, plain) == n.ARGUMENT
    for i, argument in enumerate(CALLS[name]):
        if isinstance(argument, Needed):
            assert call(name, memory.handle, [*plain[:i], None, *plain[i + 1 :]]) == n.ARGUMENT, f"argument {i + 1}"
    assert card.writes == written and len(memory.names()) == 3


OUT_OF_RANGE = [
    ("forget_slot", (4,), n.ARGUMENT),
    ("forget_slot", (3,), n.NOT_FOUND),
    ("confirm", (4, c.c_float(0.1)), n.ARGUMENT),
    ("confirm", (3, c.c_float(0.1)), n.NOT_FOUND),
    ("confirm", (0, c.c_float(NAN)), n.VALUE),
    ("read_slot", (4, n.pointer(FLOATS)), n.ARGUMENT),
    ("slot_info", (4, c.byref(n.Info())), n.ARGUMENT),
    ("diff_slot", (4, c.create_string_buffer(64), c.create_string_buffer(64)), n.ARGUMENT),
    ("recall", (n.pointer(BYTES), c.c_float(1), 0, *[n.pointer(FLOATS)] * 4), n.ARGUMENT),
    ("undo", (0, None), n.ARGUMENT),
    ("restore", (1 << 31,), n.NOT_FOUND),
    ("restore", (4,), n.NOT_FOUND),
    ("diff", (4, 0), n.NOT_FOUND),
    ("diff", (0, 4), n.NOT_FOUND),
    ("history_info", (4, c.byref(n.State())), n.NOT_FOUND),
    ("rename_thing", (b"thing 0", b"y", n.pointer(FLOATS), 16), n.ARGUMENT),
    ("rename_thing", (b"thing 0", b"y", n.pointer(NANS), 0), n.VALUE),
    ("teach", (b"x", n.pointer(FLOATS), n.pointer(FLOATS), c.c_float(1), 16, None), n.ARGUMENT),
    ("teach", (b"x", n.pointer(FLOATS), n.pointer(FLOATS), c.c_float(1), n.REPLACE | n.BOTH, None), n.ARGUMENT),
    ("teach", (b"x", n.pointer(FLOATS), n.pointer(FLOATS), c.c_float(-1), 0, None), n.VALUE),
    ("teach", (b"x", n.pointer(FLOATS), n.pointer(FLOATS), c.c_float(INFINITE), 0, None), n.VALUE),
    ("teach", (b"x", n.pointer(NANS), n.pointer(FLOATS), c.c_float(1), 0, None), n.VALUE),
    ("teach", (b"x", n.pointer(FLOATS), n.pointer(INFINITES), c.c_float(1), 0, None), n.VALUE),
]


@pytest.mark.parametrize(("name", "arguments", "code"), OUT_OF_RANGE)
def test_numbers_out_of_range(name: str, arguments: tuple, code: int) -> None:
    card, memory = made()
    written = card.writes
    assert call(name, memory.handle, list(arguments)) == code
    assert card.writes == written and len(memory.names()) == 3


@pytest.mark.parametrize("change", [{"cohort": 0}, {"rows": 0}, {"top": 0}, {"top": 65}])
def test_a_refusal_that_cannot_be_computed(change: dict) -> None:
    _, memory = made()
    wrong = c.byref(refusal(**change))
    assert call("judge", memory.handle, [n.pointer(BYTES), c.byref(NEAREST), wrong, c.byref(c.c_float())]) == n.ARGUMENT


@pytest.mark.parametrize("slot", [-1, 4])
def test_nothing_is_known_of_no_slot(slot: int) -> None:
    _, memory = made()
    value = c.c_float(7)
    arguments = [n.pointer(BYTES), c.byref(n.Nearest(slot=slot)), c.byref(refusal()), c.byref(value)]
    assert call("judge", memory.handle, arguments) == 0 and value.value == 0


@pytest.mark.parametrize(
    "change",
    [
        *({"slots": slots} for slots in (0, 32769)),
        *({"dim": dim} for dim in (8, 48, 512)),
        *({"hot": hot} for hot in (0, 5)),
        {"slot_dtype": 2},
        *({"alpha": alpha} for alpha in (-0.1, 1.1, NAN)),
        *({name: NAN} for name in ("merge_threshold", "same_picture", "min_importance")),
    ],
)
def test_a_config_that_does_not_fit_together(change: dict) -> None:
    wrong, sizes = n.config(**{**CONFIG, **change}), n.FileSizes()
    assert n.library().ms_memory_size(c.byref(wrong)) == 0
    assert n.library().ms_card_size(c.byref(wrong), c.byref(sizes)) == n.ARGUMENT
    with pytest.raises(n.StoreError) as error:
        RamCard().open(wrong)
    assert error.value.code == n.ARGUMENT


def test_functions_without_a_memory() -> None:
    lib, config, sizes = n.library(), n.config(**CONFIG), n.FileSizes()
    assert lib.ms_memory_size(None) == 0 and lib.ms_history_capacity(None, 1 << 40) == 0
    assert lib.ms_history_capacity(c.byref(n.config(slots=0)), 1 << 40) == 0
    assert lib.ms_history_capacity(c.byref(config), 1000) == 0, "not even one file"
    assert lib.ms_card_size(None, c.byref(sizes)) == lib.ms_card_size(c.byref(config), None) == n.ARGUMENT
    assert lib.ms_check_name(None) == n.ARGUMENT
    text, report = c.create_string_buffer(8), n.Report()
    lib.ms_report_text.argtypes = (c.c_void_p, c.c_void_p, c.c_size_t)
    assert lib.ms_report_text(None, text, 8) == lib.ms_report_text(c.byref(report), None, 8) == 0
    assert lib.ms_report_text(c.byref(report), text, 0) == 0
    assert lib.ms_report_text(c.byref(report), text, 8) == 7 and text.value == b"both co", "cut, with its NUL"
    found, port = n.Config(), RamCard().port
    assert lib.ms_probe(None, c.byref(found)) == lib.ms_probe(c.byref(port), None) == n.ARGUMENT


def test_opening_without_what_it_needs() -> None:
    lib, config, card = n.library(), n.config(**CONFIG), RamCard()
    size = lib.ms_memory_size(c.byref(config))
    buffer, handle = np.zeros(size // 8 + 2, np.uint64), c.c_void_p()

    def open_it(memory: object, at: int | None, room: int) -> int:
        return lib.ms_open(memory, c.c_void_p(at), c.c_size_t(room), c.byref(config), c.byref(card.port), 0, None)

    start = buffer.ctypes.data
    assert open_it(None, start, size) == open_it(c.byref(handle), None, size) == n.ARGUMENT
    assert open_it(c.byref(handle), start + 1, size) == n.ARGUMENT, "not aligned"
    assert open_it(c.byref(handle), start, size - 1) == n.BUFFER
    assert not card.files
    assert open_it(c.byref(handle), start, size) == n.OK and lib.ms_verify(handle, None) == n.OK


def test_every_error_has_its_sentence() -> None:
    said = [n.library().ms_strerror(-code).decode() for code in range(24)]
    assert len(set(said)) == 24 and said[23] == n.library().ms_strerror(1).decode() == "unknown error"


def test_words_without_a_card() -> None:
    """In RAM alone: nothing to verify, no history."""
    with n.opened(None, n.config(**CONFIG)) as memory:
        memory.teach("a", *n.random_episode(np.random.default_rng(1), 32))
        assert memory.verify().kept == n.CLEAN and memory.call("flush") == n.OK
        for name, arguments in (("history_range", (out(c.c_uint32).value,) * 2), ("undo", (1, None)), ("diff", (0, 0))):
            assert call(name, memory.handle, list(arguments)) == n.NO_CARD
