"""Build memstore's C files for the tests and call them through ctypes."""

from __future__ import annotations

import ctypes as c
import functools
import os
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "tests" / "memstore"
# the arithmetic that memstore shares with the ops: CRC-32, binary16, quantisation
KERNELS = [ROOT / "kernels" / "src" / name for name in ("crc32.c", "half.c", "quantise.c", "fpstate.c")]
SOURCES = [*sorted((ROOT / "memstore" / "src").glob("*.c")), *KERNELS]
POSIX = ROOT / "memstore" / "posix" / "ms_posix.c"
INCLUDES = [f"-I{ROOT / folder}" for folder in ("memstore/include", "memstore/posix", "kernels/include")]
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror"]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def in_ram() -> dict[str, str]:
    """For the environment: temporary files where a sync costs nothing, if there is such a place."""
    return {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}


def build(target: str, sources: list[Path], compiler: str = "gcc", flags: list[str] | None = None) -> Path:
    """Compile and link once; again when a source or a header is newer. Returns the file's path."""
    out = BUILD / target
    out.parent.mkdir(parents=True, exist_ok=True)
    folders = {s.parent for s in sources} | {ROOT / "memstore" / d for d in ("include", "src", "posix")}
    newest = max(p.stat().st_mtime for d in folders for p in [*d.glob("*.h"), *d.glob("*.c"), *d.glob("*.cpp")])
    if not out.exists() or out.stat().st_mtime < newest:
        temporary = out.with_suffix(f".{os.getpid()}")
        command = [compiler, *FLAGS, *(flags or []), *INCLUDES, *map(str, sources), "-o", str(temporary), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        temporary.replace(out)
    return out


class Refusal(c.Structure):
    """ms_refusal of memstore.h."""

    _fields_ = (
        ("cohort", c.c_void_p),
        ("rows", c.c_uint32),
        ("top", c.c_uint32),
        ("weights", c.c_float * 8),
        ("bias", c.c_float),
        ("others_alone", c.c_float),
        ("known", c.c_float),
        ("perhaps", c.c_float),
        ("squares", c.c_void_p),
        ("dots", c.c_void_p),
    )


class Config(c.Structure):
    _fields_ = (
        ("slots", c.c_uint32),
        ("dim", c.c_uint32),
        ("hot", c.c_uint32),
        ("slot_dtype", c.c_uint32),
        ("alpha", c.c_float),
        ("merge_threshold", c.c_float),
        ("prototypes", c.c_uint32),
        ("same_picture", c.c_float),
        ("min_importance", c.c_float),
        ("segment_bytes", c.c_uint32),
        ("history_files", c.c_uint32),
        ("history", c.c_uint32),
        ("lazy", c.c_uint32),
        ("salt", c.c_uint32),
        ("model_hash", c.c_uint8 * 8),
    )


class Report(c.Structure):
    _fields_ = (
        ("kept", c.c_uint32),
        ("primary_repaired", c.c_uint32),
        ("mirror_repaired", c.c_uint32),
        ("metadata_repaired", c.c_uint32),
        ("log_repaired", c.c_uint32),
        ("from_history", c.c_uint32),
        ("history_gone", c.c_uint32),
        ("restore_cut", c.c_uint32),
        ("state", c.c_uint32),
        ("occupied", c.c_uint32),
        ("lost", c.c_uint32),
        ("lost_slots", c.c_int32 * 16),
        ("lost_names", (c.c_char * 64) * 16),
        ("found", Config),
        ("found_version", c.c_uint32),
        ("states_checked", c.c_uint32),
        ("states_damaged", c.c_uint32),
        ("read_only", c.c_uint32),
        ("metadata_error", c.c_int32),
    )


class TeachResult(c.Structure):
    _fields_ = (
        ("slot", c.c_uint32),
        ("action", c.c_uint32),
        ("saved", c.c_uint32),
        ("cosine", c.c_float),
        ("previous", c.c_char * 64),
        ("alike_cosine", c.c_float),
        ("alike", c.c_char * 64),
    )


class Info(c.Structure):
    _fields_ = (
        ("name", c.c_char * 64),
        ("occupied", c.c_uint32),
        ("saved", c.c_uint32),
        ("hot", c.c_uint32),
        ("lost", c.c_uint32),
        ("uses", c.c_uint32),
        ("writes", c.c_uint32),
        ("time", c.c_uint32),
        ("views", c.c_uint32),
        ("decodes", c.c_uint32),
        ("kept", c.c_uint32),
        ("importance", c.c_float),
        ("retention", c.c_float),
        ("key_scale", c.c_float),
        ("sequence", c.c_uint64),
        ("taught", c.c_uint64),
        ("last_access", c.c_uint64),
        ("key", c.POINTER(c.c_int8)),
    )


class Nearest(c.Structure):
    _fields_ = (("slot", c.c_int32), ("cosine", c.c_float), ("others", c.c_float), ("other_slots", c.c_uint32))


STATS = (
    "hits misses sectors_read sectors_written metadata_written log_written states_dropped barriers bytes_read bytes_written "
    "micros_read micros_write corrected clock"
)


class Stats(c.Structure):
    _fields_ = (*((name, c.c_uint64) for name in STATS.split()), ("occupied", c.c_uint32), ("unsaved", c.c_uint32))


class State(c.Structure):
    _fields_ = (
        ("number", c.c_uint32),
        ("time", c.c_uint32),
        ("clock", c.c_uint64),
        ("action", c.c_uint32),
        ("slot", c.c_uint32),
        ("name", c.c_char * 64),
    )


class FileSizes(c.Structure):
    _fields_ = tuple((name, c.c_uint64) for name in ("slots", "index", "metadata", "backup", "history"))


PORT_FUNCTIONS = (
    *("lock", "unlock", "open", "close", "size", "preallocate"),
    *("read", "write", "sync", "micros", "remove", "random", "sync_file"),
)


class Port(c.Structure):
    _fields_ = (
        ("context", c.c_void_p),
        *((n, c.c_void_p) for n in PORT_FUNCTIONS),
    )


OK, ARGUMENT, BUFFER, NO_CARD, LOCKED, READ_ONLY, CARD_FULL, IO, FORMAT, VERSION, MODEL, SHAPE = range(0, -12, -1)
NAME_EMPTY, NAME_LONG, NAME_UTF8, NOT_FOUND, VALUE, DAMAGED, MEMORY_FULL, MIXED, CLOCK, OTHER_NAME, HISTORY_FULL = (
    range(-12, -23, -1)
)
REPLACE, BOTH, DECODES, KEEP = 1, 2, 4, 8
CLEAN, CREATED, OLD_KEPT, NEW_KEPT, MERGED = range(5)
NEW, MERGE, REPLACED, EVICTED = range(4)
# ms_write
W_NONE, W_NEW, W_MERGED, W_REPLACED, W_EVICTED, W_FORGOTTEN, W_RENAMED, W_UNDONE, W_RESTORED = range(9)


def library_path() -> Path:
    """memstore as a shared library; $MEMSTORE_LIBRARY: one that was built otherwise, with coverage."""
    other = os.environ.get("MEMSTORE_LIBRARY")
    return Path(other) if other else build("libmemstore.so", [*SOURCES, POSIX], flags=["-shared", "-fPIC"])


@functools.cache
def library() -> c.CDLL:
    lib = c.CDLL(str(library_path()))
    lib.ms_strerror.restype = c.c_char_p
    lib.ms_memory_size.restype = lib.ms_posix_size.restype = lib.ms_report_text.restype = c.c_size_t
    lib.ms_history_capacity.restype = c.c_uint64
    lib.ms_history_capacity.argtypes = (c.c_void_p, c.c_uint64)
    lib.ms_teach.argtypes = (c.c_void_p, c.c_char_p, c.c_void_p, c.c_void_p, c.c_float, c.c_uint32, c.c_void_p)
    lib.ms_prune.argtypes = (c.c_void_p, c.c_float, c.c_void_p)
    lib.ms_confirm.argtypes = (c.c_void_p, c.c_uint32, c.c_float)
    lib.ms_cosine.restype = c.c_float
    for name in (
        "close",
        "flush",
        "verify",
        "forget",
        "find",
        "set_time",
        "get_stats",
        "reset_stats",
    ):
        getattr(lib, f"ms_{name}").argtypes = None
    return lib


def config(slots: int = 16, dim: int = 128, hot: int = 8, **more) -> Config:
    """tiny_edge's memory unless told otherwise."""
    model_hash = more.pop("model_hash", b"\x01\x23\x45\x67\x89\xab\xcd\xef")
    values = {"slot_dtype": 0, "alpha": 0.2, "merge_threshold": 0.9, "min_importance": 0.0, "segment_bytes": 0, **more}
    result = Config(slots=slots, dim=dim, hot=hot, **values)
    result.model_hash[:] = model_hash
    return result


def seal(sector: bytearray) -> bytes:
    """A header sector with its CRC made right."""
    return bytes(sector[:508]) + zlib.crc32(sector[:508]).to_bytes(4, "little")


def forget_history(folder: Path) -> None:
    """What is left of a card whose history/ was deleted, and its newest entry's third copy with it."""
    for path in (folder / "history").iterdir():
        path.unlink()
    backup = bytearray((folder / "memory_backup.bin").read_bytes())
    backup[512:2048] = bytes(1536)
    (folder / "memory_backup.bin").write_bytes(backup)


def make_version_1(folder: Path) -> None:
    """A closed card of version 2 as version 1 would have left it: its headers say so, and there is no history."""
    forget_history(folder)
    (folder / "history").rmdir()
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", 65536), ("memory_backup.bin", 0)):
        data = bytearray((folder / name).read_bytes())
        header = data[at : at + 512]
        header[8:10] = b"\x01\x00"
        header[48:60] = bytes(12)
        data[at : at + 512] = seal(header)
        (folder / name).write_bytes(data)


class StoreError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def pointer(array: np.ndarray) -> c.c_void_p:
    return c.c_void_p(array.ctypes.data)


class Memory:
    """A memory opened through the C library; `folder` None: in RAM alone."""

    def __init__(
        self, folder: Path | None, cfg: Config | None = None, flags: int = 0, port: Port | None = None
    ) -> None:
        self.lib, self.config, self.report = library(), cfg or config(), Report()
        size = self.lib.ms_memory_size(c.byref(self.config))
        self.buffer = np.zeros(size // 8 + 1, np.uint64)
        self.port, self.posix = port, c.create_string_buffer(self.lib.ms_posix_size())
        if folder is not None:
            self.port = Port()
            self.check(self.lib.ms_posix_port(c.byref(self.port), self.posix, str(folder).encode()))
        handle = c.c_void_p()
        self.handle = None
        code = self.lib.ms_open(
            c.byref(handle),
            pointer(self.buffer),
            c.c_size_t(size),
            c.byref(self.config),
            c.byref(self.port) if self.port is not None else None,
            c.c_uint32(flags),
            c.byref(self.report),
        )
        self.check(code)
        self.handle = handle

    def check(self, code: int) -> int:
        if code < 0:
            raise StoreError(code, self.lib.ms_strerror(code).decode())
        return code

    def teach(
        self,
        name: str | bytes,
        episode: np.ndarray,
        key: np.ndarray,
        importance: float = 1.0,
        replace: bool = False,
        flags: int = 0,
    ) -> TeachResult:
        result = TeachResult()
        name = name.encode() if isinstance(name, str) else name
        z, k = np.ascontiguousarray(episode, np.float32), np.ascontiguousarray(key, np.float32)
        self.check(
            self.lib.ms_teach(
                self.handle, name, pointer(z), pointer(k), importance, int(replace) | flags, c.byref(result)
            )
        )
        return result

    def read(self, slot: int) -> np.ndarray:
        out = np.empty(self.config.dim, np.float32)
        self.check(self.lib.ms_read_slot(self.handle, c.c_uint32(slot), pointer(out)))
        return out

    def quantize(self, x: np.ndarray) -> tuple[np.ndarray, float]:
        q, scale = np.empty(len(x), np.int8), c.c_float()
        x = np.ascontiguousarray(x, np.float32)
        self.lib.bm_quantise(pointer(x), len(x), pointer(q), c.byref(scale))
        return q, scale.value

    def rename(self, old: bytes, new: bytes, episode: np.ndarray | None = None) -> None:
        """In all slots of that name; without an episode its content becomes zeros."""
        values = np.zeros(self.config.dim, np.float32) if episode is None else np.ascontiguousarray(episode, np.float32)
        self.call("rename_thing", old, new, pointer(values), 0)

    def recall(self, query: np.ndarray, scale: float, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        scores, values = np.empty(k, np.float32), np.empty((k, self.config.dim), np.float32)
        mask, slots = np.empty(k, np.int32), np.empty(k, np.int32)
        code = self.lib.ms_recall(
            self.handle,
            pointer(query),
            c.c_float(scale),
            k,
            pointer(scores),
            pointer(values),
            pointer(mask),
            pointer(slots),
        )
        self.check(code)
        return scores, values, mask, slots

    def info(self, slot: int) -> Info:
        info = Info()
        self.check(self.lib.ms_slot_info(self.handle, c.c_uint32(slot), c.byref(info)))
        return info

    def nearest(self, query: np.ndarray) -> Nearest:
        found = Nearest()
        self.call("nearest", pointer(query), c.byref(found))
        return found

    def find(self, name: str, start: int = 0) -> int:
        return self.lib.ms_find(self.handle, name.encode(), start)

    def call(self, function: str, *arguments) -> int:
        """Any other function that takes the memory first; raises StoreError on an error code."""
        return self.check(getattr(self.lib, f"ms_{function}")(self.handle, *arguments))

    def call_any(self, function: str, *arguments) -> int:
        """The same, whatever it returns."""
        return getattr(self.lib, f"ms_{function}")(self.handle, *arguments)

    def verify(self) -> Report:
        report = Report()
        self.call("verify", c.byref(report))
        return report

    def stats(self) -> Stats:
        stats = Stats()
        self.lib.ms_get_stats(self.handle, c.byref(stats))
        return stats

    def names(self) -> dict[int, str]:
        infos = ((slot, self.info(slot)) for slot in range(self.config.slots))
        return {slot: info.name.decode() for slot, info in infos if info.occupied}

    def report_text(self, report: Report | None = None) -> str:
        text = c.create_string_buffer(1024)
        self.lib.ms_report_text(c.byref(report or self.report), text, c.c_size_t(1024))
        return text.value.decode()

    def close(self) -> None:
        if self.handle is not None:
            handle, self.handle = self.handle, None
            self.check(self.lib.ms_close(handle))


@contextmanager
def opened(folder: Path | None, cfg: Config | None = None, flags: int = 0) -> Iterator[Memory]:
    memory = Memory(folder, cfg, flags)
    try:
        yield memory
    finally:
        memory.close()


class PosixFile(c.Structure):
    _fields_ = (("fd", c.c_int), ("name", c.c_char * 32), ("flags", c.c_uint8 * 3))


class Posix(c.Structure):
    """ms_posix, as far as a test looks into it."""

    _fields_ = (("folder", c.c_char * 1024), ("lock_fd", c.c_int), ("file", PosixFile * 8))


def abandon(memory: Memory) -> None:
    """Drop the lock and the files without closing: what SIGKILL does."""
    posix = Posix.from_buffer(memory.posix)
    for fd in (posix.lock_fd, *(file.fd for file in posix.file)):
        if fd >= 0:
            os.close(fd)
    memory.handle = None


def random_episode(rng: np.random.Generator, dim: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """An episode and a unit-length key."""
    key = rng.standard_normal(dim).astype(np.float32)
    return rng.standard_normal(dim).astype(np.float32), key / np.linalg.norm(key)
