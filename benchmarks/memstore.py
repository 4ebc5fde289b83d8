#!/usr/bin/env python3
"""What one durable episode costs on the card: memstore beside SQLite (WAL, FULL) and littlefs; int8 slots beside fp16.

    python benchmarks/memstore.py

Prints tables and writes benchmarks/results/memstore.json. All three store the same 448 bytes (key, name, 256-byte
episode) into the same number of slots, durable one by one, in files whose sector writes and syncs one preloaded library
counts: exact and repeatable. The modelled time is those counts times a card's (0.5 ms a sector, 5 ms a barrier: a slow
class 10 card in SPI mode), stated because no card was measured; the other time was measured on the file system that holds
build/, which is named (a disk of this machine, not a card). Needs gcc; littlefs' C source comes from PyPI.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.remove(str(Path(__file__).resolve().parent))  # benchmarks/memstore.py is not the package

from tests.crashlab import sdist  # noqa: E402
from tests.memstore import native  # noqa: E402
from tests.memstore.archive_card import ArchiveCard  # noqa: E402

SECTOR_MS, BARRIER_MS = 0.5, 5.0
SLOTS, EPISODES = 16, 200
SQLITE = """
import os, sqlite3, sys
folder, slots, n, journal = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
db = sqlite3.connect(folder + "/memory.db", isolation_level=None)
db.execute(f"PRAGMA journal_mode={journal}")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE episodes (slot INTEGER PRIMARY KEY, name TEXT, key BLOB, episode BLOB)")
for i in range(n):
    row = (i % slots, f"thing {i}".ljust(64), os.urandom(128), os.urandom(256))
    db.execute("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?, ?)", row)
db.close()
"""


def programs() -> tuple[Path, Path]:
    littlefs = sdist.fetch("littlefs-python") / "littlefs"
    counter = native.build(
        "memstore_card.so", [ROOT / "benchmarks" / "memstore_card.c"], flags=["-shared", "-fPIC", "-ldl"]
    )
    sources = [ROOT / "benchmarks" / "memstore_stores.c", *native.SOURCES, native.POSIX]
    sources += [littlefs / "lfs.c", littlefs / "lfs_util.c"]
    flags = ["-w", "-I", str(littlefs), "-DLFS_NO_DEBUG", "-DLFS_NO_WARN"]
    return counter, native.build("memstore_stores", sources, flags=flags)


def counts(counter: Path, command: list[str], episodes: int, slots: int, *more: str) -> tuple[int, int]:
    """Sectors and barriers of one whole run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder + ".report")
        environment = {**os.environ, "LD_PRELOAD": str(counter), "CARD_FOLDER": folder, "CARD_REPORT": str(report)}
        subprocess.run([*command, folder, str(slots), str(episodes), *more], check=True, env=environment)
        sectors, barriers = map(int, report.read_text().split())
        report.unlink()
    return sectors, barriers


def seconds(command: list[str], episodes: int, slots: int, *more: str) -> float:
    """Wall time of one whole run on the file system that holds build/."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        start = time.perf_counter()
        subprocess.run([*command, folder, str(slots), str(episodes), *more], check=True)
        return time.perf_counter() - start


def file_system() -> str:
    """Type of the file system that holds build/."""
    command = ["df", "--output=fstype", ROOT / "build"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def commit_costs() -> dict[str, dict[str, float]]:
    counter, stores = programs()
    ways = {
        "memstore, POSIX files": ([str(stores), "memstore"],),
        "SQLite, WAL, synchronous=FULL": ([sys.executable, "-c", SQLITE], "WAL"),
        "SQLite, DELETE, synchronous=FULL": ([sys.executable, "-c", SQLITE], "DELETE"),
        "littlefs, a file per slot": ([str(stores), "littlefs"],),
    }
    table = {}
    for name, (command, *more) in ways.items():
        small = counts(counter, command, SLOTS, SLOTS, *more)  # making, filling and closing
        large = counts(counter, command, SLOTS + EPISODES, SLOTS, *more)
        sectors, barriers = ((b - a) / EPISODES for a, b in zip(small, large, strict=True))
        milliseconds = sectors * SECTOR_MS + barriers * BARRIER_MS
        runs = [[seconds(command, n, SLOTS, *more) for n in (SLOTS, SLOTS + EPISODES)] for _ in range(3)]
        measured = min(large - small for small, large in runs) / EPISODES * 1000
        table[name] = {
            "sectors": round(sectors, 2),
            "barriers": round(barriers, 2),
            "modelled_ms": round(milliseconds, 1),
            "measured_ms_here": round(measured, 3),
        }
    return {"memstore on FatFs": on_fat(), **table}


def on_fat() -> dict[str, float]:
    """The same on a FAT volume without an operating system: FatFs on a disk that logs sectors and barriers."""
    sources, headers = sdist.fatfs()
    folder = ROOT / "tests" / "crashlab" / "fat"
    flags = ["-w", "-I", str(headers), "-I", str(folder)]
    program = native.build("fat_lab", [*sorted(folder.glob("*.c")), *native.SOURCES, *sources], flags=flags)
    done = subprocess.run([program, str(SLOTS), "128", "8", "24"], check=True, capture_output=True, text=True)
    counted = json.loads(done.stdout)
    sectors = (counted["data_sectors"] + counted["directory_sectors"]) / counted["writes"]
    barriers = counted["barriers"] / counted["writes"]
    return {"sectors": sectors, "barriers": barriers, "modelled_ms": sectors * SECTOR_MS + barriers * BARRIER_MS}


def slot_types() -> dict[str, dict[str, float]]:
    """Error of what is read back, for episodes of unit variance: relative, and as the cosine to what was taught."""
    table = {}
    for name, dtype in (("float16", 0), ("int8", 1)):
        rng = np.random.default_rng(0)
        errors, cosines = [], []
        cfg = native.config(64, 128, 64, slot_dtype=dtype)
        with native.opened(None, cfg) as memory:
            for i in range(64):
                episode, key = native.random_episode(rng)
                slot = memory.teach(f"thing {i}", episode, key).slot
                back = memory.read(slot)
                errors.append(np.linalg.norm(back - episode) / np.linalg.norm(episode))
                cosines.append(back @ episode / np.linalg.norm(back) / np.linalg.norm(episode))
        sizes = native.FileSizes()
        native.library().ms_card_size(ctypes.byref(native.config(slot_dtype=dtype)), ctypes.byref(sizes))
        table[name] = {
            "tiny_edge_slots_bytes": sizes.slots,
            "relative_error": float(f"{np.mean(errors):.2e}"),
            "lowest_cosine": round(float(min(cosines)), 7),
        }
    return table


def history() -> dict[str, int]:
    """States on a card of 16 * 10^9 bytes: every write is one; keyframes, both lanes and margins included."""
    shapes = {"ultra_tiny": (8, 128, 4), "tiny_edge": (16, 128, 8), "original": (512, 256, 512)}
    configs = {name: native.config(*shape) for name, shape in shapes.items()}
    return {name: native.library().ms_history_capacity(ctypes.byref(c), 16 * 10**9) for name, c in configs.items()}


def opening() -> dict[str, dict[str, float]]:
    """What opening tiny_edge's memory reads after a cut, by the number of files that the log has; the last one is what
    16 * 10^9 bytes hold. 250 entries in the two newest blocks: with one more block it would be fewer."""
    config, sizes, table = native.config(), native.FileSizes(), {}
    native.library().ms_card_size(ctypes.byref(config), ctypes.byref(sizes))
    for files in (1, 100, 16 * 10**9 // sizes.history):
        card = ArchiveCard(config, files - 1, 250)
        memory = card.open(config)
        table[f"{files} files"] = {
            "states": memory.report.state,
            "sectors": card.sectors,
            "files_opened": card.opens,
            "modelled_ms": round(card.sectors * SECTOR_MS, 1),
        }
    return table


def main() -> int:
    result = {
        "commit": commit_costs(),
        "measured_on": file_system(),
        "card_model": {"sector_ms": SECTOR_MS, "barrier_ms": BARRIER_MS},
        "slot_types": slot_types(),
        "states_on_16_GB": history(),
        "published_states_on_16_GB": 4_000_000,
        "opening": opening(),
    }
    print(f"one durable episode, {SLOTS} slots, mean of {EPISODES}")
    print(f"{'':34}{'sectors':>9}{'barriers':>10}{'modelled ms':>13}{'ms on ' + result['measured_on']:>17}")
    for name, row in result["commit"].items():
        here = f"{row['measured_ms_here']:17.3f}" if "measured_ms_here" in row else ""
        print(f"{name:34}{row['sectors']:9.2f}{row['barriers']:10.2f}{row['modelled_ms']:13.1f}{here}")
    for name, row in result["slot_types"].items():
        size, error, cosine = row["tiny_edge_slots_bytes"], row["relative_error"], row["lowest_cosine"]
        print(f"{name}: tiny_edge's slots {size} B, relative error {error:.1e}, cosine >= {cosine}")
    print(
        "states on 16 GB:",
        ", ".join(f"{name} {n:,}" for name, n in result["states_on_16_GB"].items()),
        "(published: 4,000,000)",
    )
    for name, row in result["opening"].items():
        print(f"opening {name}, {row['states']:,} states: {row['sectors']:,} sectors, {row['modelled_ms']:,.0f} ms")
    out = ROOT / "benchmarks" / "results" / "memstore.json"
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n")
    temporary.replace(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
