"""The episodic memory on a card: memstore through ctypes.

A memory belongs to one card, one model and one process at a time; every change is on the card when the call returns.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from ctypes import byref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from bitmar import memory_abi as abi
from bitmar.errors import BitmarError
from bitmar.native import library
from bitmar.paths import is_folder
from bitmar.refusal import Refusal

FOLDER = "bitmar_memory"
OTHER_NAME = "teach: the same picture is called"
MAX_SECONDS = (1 << 32) - 1  # a state's time has 32 bits


class CardError(BitmarError):
    """A memstore error. `code` is its ms_error."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


class OtherNameError(CardError):
    """The same picture has another name in the memory: `name`; nothing was written."""

    def __init__(self, name: str):
        super().__init__(f"{OTHER_NAME} {name}: --replace writes over it, --both keeps both", abi.E_OTHER_NAME)
        self.name = name


@dataclass(frozen=True)
class Written:
    """What a write did: action is "new", "merged", "replaced" or "evicted"; previous is the name that had to go; alike is the
    most alike thing of another name that is there now, "" if none, with a cosine of alike_cosine."""

    slot: int
    action: str
    saved: bool
    cosine: float
    previous: str
    alike: str
    alike_cosine: float


@dataclass(frozen=True)
class Nearest:
    """The best slot for a question: its cosine, and the mean cosine of the slots of other names (None if there are none).

    verdict: "known", "perhaps" or "unknown", by the value of the model's criterion; None where it has none.
    """

    slot: int
    cosine: float
    others: float | None
    verdict: str | None = None
    value: float | None = None


@dataclass(frozen=True)
class Recalled:
    """The k best slots for a query: scores [k], values [k, D], mask [k] int32, slots [k] (-1 where there is none)."""

    scores: np.ndarray
    values: np.ndarray
    mask: np.ndarray
    slots: np.ndarray

    @property
    def empty(self) -> bool:
        """True where nothing is remembered."""
        return not self.mask.any()


@dataclass(frozen=True)
class Slot:
    """One slot of a remembered thing. Sequences count the memory's reads and writes, time is in Unix seconds (0: unknown).

    views: how many are merged into the key; decodes: the decoder brings the name back; kept: never evicted or pruned.
    """

    slot: int
    name: str
    saved: bool
    hot: bool
    uses: int
    writes: int
    views: int
    decodes: bool
    kept: bool
    time: int
    importance: float
    retention: float
    taught: int
    last_access: int


@dataclass(frozen=True)
class State:
    """A state of the whole memory, and what the write did that it is the state after: "new", "merged", "replaced",
    "evicted", "forgotten", "renamed", "undone", "restored", "revised" or "found". Time is in Unix seconds (0: unknown)."""

    number: int
    time: int
    action: str
    slot: int
    name: str


@dataclass(frozen=True)
class Difference:
    """A slot that two states have different things in; a name is "" where it was empty."""

    slot: int
    before: str
    after: str


@dataclass(frozen=True)
class Shape:
    """What decides whether a card fits: K slots of D numbers, how many of them in RAM, their type, whose model."""

    slots: int
    dim: int
    hot: int
    model_hash: bytes
    dtype: str = "float16"
    alpha: float = 0.2
    merge_threshold: float = 0.9
    min_importance: float = 0.0
    prototypes: int = 0
    same_picture: float = 0.0

    def config(self) -> abi.Config:
        """As memstore takes it. BitmarError for an unknown slot type."""
        if self.dtype not in abi.DTYPES:
            raise BitmarError(f"slot_dtype {self.dtype!r} is unknown, expected {' or '.join(abi.DTYPES)}")
        return abi.Config(
            slots=self.slots,
            dim=self.dim,
            hot=min(self.hot, self.slots),
            slot_dtype=abi.DTYPES[self.dtype],
            alpha=self.alpha,
            merge_threshold=self.merge_threshold,
            prototypes=self.prototypes,
            same_picture=self.same_picture,
            min_importance=self.min_importance,
            segment_bytes=0,
            model_hash=(ctypes.c_uint8 * 8)(*self.model_hash),
        )


def text(raw: bytes) -> str:
    """A name or message from memstore; what is not UTF-8 becomes U+FFFD."""
    return raw.decode("utf-8", errors="replace")


def name_bytes(name: str) -> bytes:
    """A name as memstore takes it: it must not contain a NUL; memstore checks the rest."""
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise BitmarError(f"name {name!r}: not valid UTF-8") from None
    if b"\0" in raw:
        raise BitmarError(f"name {name!r}: contains a zero byte")
    return raw


def unsigned(value: int, what: str) -> int:
    """The value, if it is an unsigned number of 32 bits: ctypes would cut a larger one without a word."""
    if not 0 <= value < 1 << 32:
        raise BitmarError(f"{what} {value}: expected 0 to {(1 << 32) - 1}")
    return value


def aligned(size: int) -> np.ndarray:
    """Bytes at an address that is a multiple of 16."""
    raw = np.zeros(size + 16, np.uint8)
    start = -raw.ctypes.data % 16
    return raw[start : start + size]


def posix_port(card: Path) -> tuple[abi.Port, np.ndarray]:
    """The storage port for a card's folder, and the state that must live as long as it."""
    memstore = abi.bind(library.load())
    if not is_folder(card):
        raise CardError(f"card {card}: no such folder", abi.E_NO_CARD)
    port, state = abi.Port(), aligned(memstore.ms_posix_size())
    code = memstore.ms_posix_port(byref(port), state.ctypes.data, os.fsencode((card / FOLDER).resolve()))
    if code:
        raise CardError(f"card {card}: {text(memstore.ms_strerror(code))}", code)
    return port, state


def slots_on(card: Path) -> int | None:
    """Number of slots of the memory on a card; None if there is no memory, or none that can be read."""
    port, _state = posix_port(card)
    found = abi.Config()
    return None if abi.bind(library.load()).ms_probe(byref(port), byref(found)) else found.slots


class Memory:
    """An open memory; a context manager that closes it.

    Args:
      card: the card's folder (the memory is its sub-folder bitmar_memory), or None for a memory in RAM alone.
      shape: sizes and owner.
      read_only: nothing is written, not even repairs. A card that cannot be written is opened so too.
      create: make an empty memory where there is none.
      clock: Unix seconds, for what is taught and archived.
      salt: of a memory that is made, for files that are to be compared; 0: a random one, as no two memories share it.

    Raises:
      CardError: card missing, locked, full, read-only, foreign, of another format or size, or not readable.
    """

    def __init__(
        self,
        card: Path | None,
        shape: Shape,
        read_only: bool = False,
        create: bool = True,
        clock: Callable[[], float] = time.time,
        salt: int = 0,
    ):
        self.library = abi.bind(library.load())
        self.card, self.shape, self.clock = card, shape, clock
        self.handle = ctypes.c_void_p()
        self.report = abi.Report()
        config = shape.config()
        config.salt = salt
        size = self.library.ms_memory_size(byref(config))
        if size == 0:
            raise BitmarError(f"memory of {shape.slots} slots of {shape.dim} numbers: sizes that memstore cannot hold")
        self._buffer = aligned(size)
        self._port, self._port_state = posix_port(card) if card else (None, None)
        self.read_only = read_only
        code = self._open(config, create)
        if code == abi.E_READ_ONLY and not read_only:  # it can still be asked
            self.read_only = True
            code = self._open(config, create)
            code = abi.E_READ_ONLY if code == abi.E_NOT_FOUND else code
        if code:
            self.handle = ctypes.c_void_p()
            raise self._opening_error(code)
        self.library.ms_set_time(self.handle, int(self.clock()))

    def _open(self, config: abi.Config, create: bool) -> int:
        flags = (abi.OPEN_READ_ONLY if self.read_only else 0) | (0 if create else abi.OPEN_NO_CREATE)
        port = byref(self._port) if self._port else None
        buffer = (self._buffer.ctypes.data, self._buffer.size)
        return self.library.ms_open(byref(self.handle), *buffer, byref(config), port, flags, byref(self.report))

    def _opening_error(self, code: int) -> CardError:
        """The reason, with what was found on the card beside what was expected."""
        found, shape = self.report.found, self.shape
        details = {
            abi.E_VERSION: f"found version {self.report.found_version}, expected 1 or 2",
            abi.E_MODEL: f"found {bytes(found.model_hash).hex()}, expected {shape.model_hash.hex()}",
            abi.E_SHAPE: f"found {found.slots} slots of {found.dim}, expected {shape.slots} of {shape.dim} {shape.dtype}",
        }
        return self._error(code, details.get(code))

    def _error(self, code: int, detail: str | None = None) -> CardError:
        where = f"card {self.card / FOLDER}" if self.card else "memory in RAM"
        reason = text(self.library.ms_strerror(code))
        return CardError(f"{where}: {reason}" + (f" ({detail})" if detail else ""), code)

    def _check(self, code: int, detail: str | None = None) -> None:
        if code:
            raise self._error(code, detail)

    def __enter__(self) -> Memory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Writes the access counters and metadata, releases the card; harmless if closed already."""
        if self.handle:
            handle, self.handle = self.handle, ctypes.c_void_p()
            self._check(self.library.ms_close(handle))

    def flush(self) -> None:
        """Writes the access counters and metadata."""
        self._check(self.library.ms_flush(self.handle))

    def report_text(self) -> str:
        """What opening found and repaired, in one line."""
        return self._text_of(self.report)

    def _text_of(self, report: abi.Report) -> str:
        buffer = ctypes.create_string_buffer(2048)
        self.library.ms_report_text(byref(report), buffer, len(buffer))
        return text(buffer.value)

    def teach(
        self,
        name: str,
        episode: np.ndarray,
        key: np.ndarray,
        importance: float = 1.0,
        replace: bool = False,
        both: bool = False,
        decodes: bool = False,
        keep: bool = False,
    ) -> Written:
        """Writes an episode [D] under its key [D] (unit length) and name; on the card when this returns.

        Args:
          replace: it takes the place of the slot of the same picture (else of the one of this name).
          both: the same picture under another name is another thing.
          decodes: the decoder brings the name back from the episode.
          keep: the thing is never evicted or pruned.

        Raises:
          OtherNameError: the same picture has another name; `replace` or `both` says what is meant.
        """
        raw = name_bytes(name)
        result = abi.TeachResult()
        self.library.ms_set_time(self.handle, int(self.clock()))
        chosen = ((replace, abi.REPLACE), (both, abi.BOTH), (decodes, abi.DECODES), (keep, abi.KEEP))
        flags = sum(flag for on, flag in chosen if on)
        z, k = self._vector(episode), self._vector(key)
        code = self.library.ms_teach(self.handle, raw, z.ctypes.data, k.ctypes.data, importance, flags, byref(result))
        if code == abi.E_OTHER_NAME:
            raise OtherNameError(text(result.previous))
        self._check(code, f"name {name!r}")
        return Written(
            result.slot,
            abi.ACTIONS[result.action],
            bool(result.saved),
            result.cosine,
            text(result.previous),
            text(result.alike),
            result.alike_cosine,
        )

    def _vector(self, values: np.ndarray) -> np.ndarray:
        vector = np.ascontiguousarray(values, np.float32).reshape(-1)
        if vector.size != self.shape.dim:
            raise BitmarError(f"memory: a vector of {vector.size} numbers, expected {self.shape.dim}")
        return vector

    def check_name(self, name: str) -> None:
        """Raises CardError where a name is empty, longer than 63 bytes or not UTF-8."""
        self._check(self.library.ms_check_name(name_bytes(name)), f"name {name!r}")

    def recall(self, query: np.ndarray, k: int) -> Recalled:
        """The k slots whose keys are nearest to query [D]; touches at most k slots of the card."""
        quantised, scale = self.quantise(query)
        scores, values = np.empty(k, np.float32), np.empty((k, self.shape.dim), np.float32)
        mask, slots = np.empty(k, np.int32), np.empty(k, np.int32)
        arrays = (scores.ctypes.data, values.ctypes.data, mask.ctypes.data, slots.ctypes.data)
        self._check(self.library.ms_recall(self.handle, quantised.ctypes.data, scale, k, *arrays))
        return Recalled(scores, values, mask, slots)

    def forget(self, name: str) -> int:
        """Erases every slot of that name; returns how many."""
        count = ctypes.c_uint32()
        self._check(self.library.ms_forget(self.handle, name_bytes(name), byref(count)), f"name {name!r}")
        return count.value

    def rename_thing(self, old: str, new: str, episode: np.ndarray, decodes: bool) -> None:
        """Another name and its episode [D] for every slot called `old`; keys, importance, uses and views stay."""
        z, flags = self._vector(episode), abi.DECODES if decodes else 0
        code = self.library.ms_rename_thing(self.handle, name_bytes(old), name_bytes(new), z.ctypes.data, flags)
        self._check(code, f"{old!r} to {new!r}")

    def confirm(self, slot: int, step: float) -> None:
        """Adds to the importance of a slot's thing, within 0.05 and 1."""
        self._check(self.library.ms_confirm(self.handle, slot, step), f"slot {slot}")

    def nearest(self, query: np.ndarray, refusal: Refusal | None = None) -> Nearest | None:
        """The best slot for a query [D], by the cosine of int8 keys; None where nothing is remembered.

        Args: refusal: the model's criterion; None leaves verdict and value out.
        """
        quantised, _ = self.quantise(query)
        found, value, verdict = abi.Nearest(), ctypes.c_float(), None
        self._check(self.library.ms_nearest(self.handle, quantised.ctypes.data, byref(found)))
        if found.slot < 0:
            return None
        if refusal:
            arguments = (quantised.ctypes.data, byref(found), byref(refusal.struct), byref(value))
            verdict = self.library.ms_judge(self.handle, *arguments)
            self._check(min(verdict, 0))
        others = found.others if found.other_slots else None
        known = None if verdict is None else abi.VERDICTS[verdict]
        return Nearest(found.slot, found.cosine, others, known, None if verdict is None else value.value)

    def find_similar(self, words: str) -> int | None:
        """The slot whose name is most like a text, if one is: exactly, else by edit distance."""
        slot = self.library.ms_find_similar(self.handle, name_bytes(words))
        return None if slot == abi.E_NOT_FOUND else slot

    def as_stored(self, episode: np.ndarray) -> np.ndarray:
        """An episode [D] as a slot would hold it, float32 [D]."""
        values = self._vector(episode).copy()
        self._check(self.library.ms_as_stored(self.handle, values.ctypes.data))
        return values

    def read(self, slot: int) -> np.ndarray:
        """The numbers of a slot, float32 [D]; counts as an access to its thing."""
        values = np.empty(self.shape.dim, np.float32)
        self._check(self.library.ms_read_slot(self.handle, slot, values.ctypes.data), f"slot {slot}")
        return values

    def quantise(self, values: np.ndarray) -> tuple[np.ndarray, ctypes.c_float]:
        """A key or query [D] as the index holds it: int8 [D] and its scale."""
        vector = self._vector(values)
        quantised, scale = np.empty(vector.size, np.int8), ctypes.c_float()
        self.library.bm_quantise(vector.ctypes.data, vector.size, quantised.ctypes.data, byref(scale))
        return quantised, scale

    def prune(self, below: float) -> int:
        """Forgets the things whose importance * unlikeness is less than `below` and that are not kept; returns how many slots."""
        count = ctypes.c_uint32()
        self._check(self.library.ms_prune(self.handle, below, byref(count)))
        return count.value

    def verify(self) -> tuple[str, list[str]]:
        """Compares both copies of everything and repairs; returns what it found and the names that are lost."""
        report = abi.Report()
        self._check(self.library.ms_verify(self.handle, byref(report)))
        lost = [text(report.lost_names[i].value) for i in range(min(report.lost, abi.MAX_REPORTED_LOSSES))]
        return self._text_of(report), lost

    def slots(self) -> list[Slot]:
        """The occupied slots, in order."""
        infos = ((i, self._info(i)) for i in range(self.shape.slots))
        return [
            Slot(
                slot=i,
                name=text(info.name),
                saved=bool(info.saved),
                hot=bool(info.hot),
                uses=info.uses,
                writes=info.writes,
                views=info.views,
                decodes=bool(info.decodes),
                kept=bool(info.kept),
                time=info.time,
                importance=info.importance,
                retention=info.retention,
                taught=info.taught,
                last_access=info.last_access,
            )
            for i, info in infos
            if info.occupied
        ]

    def _info(self, slot: int) -> abi.Info:
        info = abi.Info()
        self._check(self.library.ms_slot_info(self.handle, slot, byref(info)), f"slot {slot}")
        return info

    def name_of(self, slot: int) -> str:
        """The name stored with a slot."""
        return text(self._info(slot).name)

    def is_saved(self, slot: int) -> bool:
        """Whether a slot's episode is on the card."""
        return bool(self._info(slot).saved)

    def decodes(self, slot: int) -> bool:
        """Whether the decoder brings a slot's name back from it."""
        return bool(self._info(slot).decodes)

    def importance(self, slot: int) -> float:
        """How much a slot's thing matters: 0.5 when taught, more or less after confirmations."""
        return self._info(slot).importance

    def stats(self) -> abi.Stats:
        """Counters since the memory was opened."""
        stats = abi.Stats()
        self.library.ms_get_stats(self.handle, byref(stats))
        return stats

    def history_range(self) -> tuple[int, int]:
        """Numbers of the oldest and the newest state that can be gone back to; (0, 0) where nothing was ever written."""
        oldest, newest = ctypes.c_uint32(), ctypes.c_uint32()
        code = self.library.ms_history_range(self.handle, byref(oldest), byref(newest))
        if code != abi.E_NOT_FOUND:
            self._check(code)
        return oldest.value, newest.value

    def history(self, last: int = 20) -> list[State]:
        """The last states and what the write of each did, oldest first."""
        oldest, number = self.history_range()
        states: list[State] = []
        while number > oldest and len(states) < last:
            states.append(self._state(number))
            number = states[-1].number - 1
        return states[::-1]

    def _state(self, number: int) -> State:
        state = abi.State()
        self._check(self.library.ms_history_info(self.handle, number, byref(state)), f"state {number}")
        return State(state.number, state.time, abi.WRITES[state.action], state.slot, text(state.name))

    def find_state(self, unix_seconds: int) -> int:
        """Number of the last state that is known to have been written at or before a time."""
        number, seconds = ctypes.c_uint32(), min(max(unix_seconds, 0), MAX_SECONDS)
        self._check(self.library.ms_history_find(self.handle, seconds, byref(number)), f"time {unix_seconds}")
        return number.value

    def restore(self, number: int) -> None:
        """Makes a state the memory's content again: all of it or none. It is a write, and so a state of its own."""
        self.library.ms_set_time(self.handle, int(self.clock()))
        self._check(self.library.ms_restore(self.handle, unsigned(number, "state")), f"state {number}")

    def undo(self, writes: int = 1) -> int:
        """Takes back the last writes (an undo is one too); the number of the state that is there again."""
        number = ctypes.c_uint32()
        self.library.ms_set_time(self.handle, int(self.clock()))
        code = self.library.ms_undo(self.handle, unsigned(writes, "writes"), byref(number))
        self._check(code, f"{writes} writes back")
        return number.value

    def diff(self, number: int, other: int) -> list[Difference]:
        """What differs between two states, slot by slot."""
        self._check(
            self.library.ms_diff(self.handle, unsigned(number, "state"), unsigned(other, "state")),
            f"states {number} and {other}",
        )
        found = []
        for slot in range(self.shape.slots):
            before, after = (ctypes.create_string_buffer(abi.NAME_BYTES) for _ in range(2))
            code = self.library.ms_diff_slot(self.handle, slot, before, after)
            self._check(min(code, 0), f"slot {slot}")
            if code:
                found.append(Difference(slot, text(before.value), text(after.value)))
        return found
