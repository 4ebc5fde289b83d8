"""Property: a card that cannot or must not be opened gives its own error and stays as it is, byte for byte."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n

EPISODES = 5


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "bitmar_memory"
    rng = np.random.default_rng(0)
    with n.opened(folder) as memory:
        for i in range(EPISODES):
            memory.teach(f"name {i}", *n.random_episode(rng))
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(folder: Path, code: int, cfg: n.Config | None = None, flags: int = 0) -> n.Memory:
    before = snapshot(folder) if folder.exists() else None
    with pytest.raises(n.StoreError) as error:
        n.Memory(folder, cfg, flags)
    assert error.value.code == code, str(error.value)
    assert (snapshot(folder) if folder.exists() else None) == before
    return error.value


def test_another_models_memory(card: Path) -> None:
    refused(card, n.MODEL, n.config(model_hash=b"another!"))


@pytest.mark.parametrize("change", [{"slots": 8, "hot": 4}, {"slots": 32}, {"dim": 64}, {"slot_dtype": 1}])
def test_another_shape(card: Path, change: dict) -> None:
    refused(card, n.SHAPE, n.config(**change))


def test_another_format_version(card: Path) -> None:
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", 65536), ("memory_backup.bin", 0)):
        raw = bytearray((card / name).read_bytes())
        struct.pack_into("<H", raw, at + 8, 3)
        struct.pack_into("<I", raw, at + 508, zlib.crc32(raw[at : at + 508]))
        (card / name).write_bytes(raw)
    refused(card, n.VERSION)


def test_a_missing_card(tmp_path: Path) -> None:
    refused(tmp_path / "nothing" / "bitmar_memory", n.NO_CARD)


def test_no_memory_and_none_wanted(tmp_path: Path) -> None:
    refused(tmp_path / "bitmar_memory", n.NOT_FOUND, flags=2)
    assert not (tmp_path / "bitmar_memory").exists()


def test_files_that_are_not_a_memory(tmp_path: Path) -> None:
    folder = tmp_path / "bitmar_memory"
    folder.mkdir()
    (folder / "memory_slots.bin").write_bytes(bytes(4096))
    (folder / "memory_index.bin").write_bytes(b"something else" * 400)
    refused(folder, n.FORMAT)


def test_two_processes_on_one_card(card: Path) -> None:
    with n.opened(card):
        refused(card, n.LOCKED)
        refused(card, n.LOCKED, flags=1)
        code = (
            f"from tests.memstore import native as n\ntry: n.Memory({str(card)!r})\nexcept n.StoreError as e: print(e)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=n.ROOT)
        assert "another process" in done.stdout, done.stderr
    with n.opened(card) as memory:
        assert memory.report.occupied == EPISODES


def test_two_processes_making_one_card(tmp_path: Path) -> None:
    folder = tmp_path / "bitmar_memory"
    with n.opened(folder):
        refused(folder, n.LOCKED)


def test_a_killed_process_leaves_no_lock(card: Path) -> None:
    memory = n.Memory(card)
    n.abandon(memory)
    n.Memory(card).close()


def test_reading_only_writes_nothing(card: Path) -> None:
    raw = bytearray((card / "memory_index.bin").read_bytes())
    raw[700] ^= 1
    (card / "memory_index.bin").write_bytes(raw)
    before = snapshot(card)
    with n.opened(card, flags=1) as memory:
        assert memory.report.kept == n.NEW_KEPT and len(memory.names()) == EPISODES
        memory.read(0)
        for attempt in (
            lambda: memory.teach("x", *n.random_episode(np.random.default_rng(0))),
            lambda: memory.call("forget", b"name 0", None),
            lambda: memory.rename(b"name 0", b"y"),
            lambda: memory.call("undo", ctypes.c_uint32(1), None),
        ):
            with pytest.raises(n.StoreError) as error:
                attempt()
            assert error.value.code == n.READ_ONLY
    assert snapshot(card) == before


def read_only_mount_errors() -> bool:
    return os.geteuid() != 0


@pytest.mark.skipif(
    not read_only_mount_errors(), reason="root writes to read-only files; the crash laboratory injects it"
)
def test_a_read_only_card(card: Path) -> None:
    for path in card.iterdir():
        path.chmod(0o444)
    refused(card, n.READ_ONLY)


def full_disk_limit(room: int) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


@pytest.mark.parametrize("room", [0, 4096, 100_000])
def test_a_full_card_leaves_no_half_of_a_memory(tmp_path: Path, room: int) -> None:
    folder = tmp_path / "bitmar_memory"
    n.library()
    code = f"from tests.memstore import native as n\ntry: n.Memory({str(folder)!r})\nexcept n.StoreError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=n.ROOT,
        preexec_fn=lambda: full_disk_limit(room),
    )
    assert "full" in run.stdout, run.stdout + run.stderr
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize("gone", ["memory_slots.bin", "memory_index.bin", "memory_backup.bin", "memory_metadata.json"])
@pytest.mark.parametrize("how", ["missing", "empty", "short", "long", "zeros"])
def test_one_broken_file_is_made_again(card: Path, gone: str, how: str) -> None:
    before = snapshot(card)
    path = card / gone
    size = path.stat().st_size
    if how == "missing":
        path.unlink()
    else:
        content = {"empty": b"", "short": path.read_bytes()[:-100], "zeros": bytes(size)}
        path.write_bytes(content.get(how, path.read_bytes() + b"more"))
    with n.opened(card) as memory:
        assert memory.report.lost == 0 and len(memory.names()) == EPISODES
        assert memory.verify().kept == n.CLEAN
    after = snapshot(card)
    for files in (before, after):  # the newest entry's third copy, which is written with the next one
        files["memory_backup.bin"] = files["memory_backup.bin"][:512] + files["memory_backup.bin"][2048:]
    assert after == before


def test_a_reports_line_says_what_happened(card: Path) -> None:
    raw = bytearray((card / "memory_slots.bin").read_bytes())
    raw[3 * 256] ^= 0x10
    (card / "memory_slots.bin").write_bytes(raw)
    with n.opened(card) as memory:
        assert "repaired the primary files" in memory.report_text()
    mirror = bytearray((card / "memory_backup.bin").read_bytes())
    slots_at = 65536 + (card / "memory_index.bin").stat().st_size
    for data, at in ((raw, 3 * 256), (mirror, slots_at + 3 * 256)):
        data[at + 9] ^= 0x10
    (card / "memory_slots.bin").write_bytes(raw)
    (card / "memory_backup.bin").write_bytes(mirror)
    n.forget_history(card)
    for _ in range(2):  # said until the place is used again
        with n.opened(card) as memory:
            assert "LOST: 1 slot (3 name 3)" in memory.report_text()
            assert list(memory.names().values()) == ["name 0", "name 1", "name 2", "name 4"]
            assert memory.info(3).lost
    with n.opened(card, n.config()) as memory:
        rng = np.random.default_rng(5)
        for i in range(12):
            memory.teach(f"later {i}", *n.random_episode(rng))
        assert not memory.info(3).lost


def test_probe_reads_the_header_alone(card: Path) -> None:
    port, state, found = n.Port(), ctypes.create_string_buffer(n.library().ms_posix_size()), n.Config()
    n.library().ms_posix_port(ctypes.byref(port), state, str(card).encode())
    with n.opened(card):  # needs no lock
        assert n.library().ms_probe(ctypes.byref(port), ctypes.byref(found)) == n.OK
    assert (found.slots, found.dim, bytes(found.model_hash)) == (16, 128, bytes(n.config().model_hash))
