"""Write cards of today's format version into tests/memstore/cards/: run once when a version is new, and never again.

python tests/memstore/make_cards.py

Each card is an archive of the memory's folder and `expected.json`: the memory's shape and what is in it. The v1_cut
ones are what power cuts left in the crash laboratory (`crashlab ... --dump`). What is there already is not written over.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.memstore import native as n

CARDS = Path(__file__).resolve().parent / "cards"
SHAPES = {
    "ultra_tiny": {"slots": 8, "dim": 128},
    "tiny_edge": {"slots": 16, "dim": 128},
    "int8": {"slots": 5, "dim": 64, "slot_dtype": 1},
    "wide": {"slots": 7, "dim": 256},
    "wide_int8": {"slots": 4, "dim": 256, "slot_dtype": 1},
    "narrow": {"slots": 33, "dim": 16},
}


def shape_of(kwargs: dict) -> n.Config:
    """Its config; the memory's files are of a few kilobytes, a file of the history a little more."""
    return n.config(hot=2, segment_bytes=172032, merge_threshold=0.9, **kwargs)


def contents(memory: n.Memory) -> dict:
    """Slot -> name and the digest of its numbers as binary32."""
    read = {slot: memory.read(slot).astype("<f4").tobytes() for slot in memory.names()}
    return {str(s): [name, hashlib.sha256(read[s]).hexdigest()] for s, name in memory.names().items()}


def write(name: str, folder: Path, kwargs: dict, states: list[dict]) -> None:
    """The folder as it is, and what today's memstore reads in a copy of it."""
    target = CARDS / f"v{version(folder)}_{name}.zip"
    if target.exists():
        print(f"{target.name} is there already")
        return
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    with n.opened(folder, shape_of(kwargs)) as memory:
        expected = {"config": kwargs, "contents": contents(memory), "states": states}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in {**files, "expected.json": json.dumps(expected, indent=1).encode()}.items():
            archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    print(f"{target.name}: {target.stat().st_size} bytes, {len(expected['contents'])} things")


def version(folder: Path) -> int:
    index = (folder / "memory_index.bin").read_bytes()
    return int.from_bytes(index[8:10], "little")


def live(kwargs: dict, folder: Path) -> list[dict]:
    """A life with a merge, a rename, a forgotten thing; what the state in its middle held."""
    rng, states = np.random.default_rng(kwargs["dim"] + kwargs["slots"]), []
    with n.opened(folder, shape_of(kwargs)) as memory:
        for i in range(kwargs["slots"] + 1):
            memory.call("set_time", n.c.c_uint32(1_700_000_000 + 60 * i))
            episode, key = n.random_episode(rng, kwargs["dim"])
            memory.teach(f"thing {i} é", episode, key, importance=0.5 + i / 10)
            if i == 2:
                memory.teach("thing 2 é", episode, key)
                memory.rename("thing 1 é".encode(), b'named "anew"')
                states.append(contents(memory))
        memory.call("forget", f"thing {kwargs['slots']} é".encode(), None)
        memory.read(min(memory.names()))
    return states


def main() -> int:
    CARDS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name, kwargs in SHAPES.items():
            folder = Path(temporary) / name
            write(name, folder, kwargs, live(kwargs, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
