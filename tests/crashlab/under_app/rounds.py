"""The real Pi app, killed while it works, on a card that forgets what was not synced: what it had acknowledged is there.

The app runs under the journal of unsynced.c and is killed at a random moment. Each round is a power cut at a random point
of the journal: the card that it leaves is opened, and must hold the things of the acknowledged words, or of one word more.
The next run of the app begins with the card that its own kill left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.crashlab.under_app.journal import Disk, Record, read_journal
from tests.memstore import native as n

HERE = Path(__file__).resolve().parent
MODEL = n.ROOT / "models" / "ultra_tiny"
SLOTS, DIM, WORDS = 16, 128, 24


def layer() -> Path:
    return n.build("unsynced.so", [HERE / "unsynced.c"], flags=["-shared", "-fPIC", "-ldl"])


def environment(card: Path, journal: Path, fail: str = "") -> dict[str, str]:
    paths = {"LD_PRELOAD": str(layer()), "UNSYNCED_FOLDER": str(card), "UNSYNCED_JOURNAL": str(journal)}
    return {**os.environ, **paths, **({"UNSYNCED_FAIL": fail} if fail else {})}


def app(card: Path, environ: dict[str, str]) -> subprocess.Popen:
    command = [sys.executable, n.ROOT / "pipeline.py", "console", "--card", card, "--model", MODEL]
    command += ["--slots", str(SLOTS), "--json"]
    return subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class Script:
    """Words for the app, and the names that are on the card after each of them."""

    def __init__(self, rng: random.Random, folder: Path, there: set[str]) -> None:
        self.lines: list[str] = []
        self.after: list[set[str]] = [set(there)]
        names = set(there)
        for _ in range(WORDS):
            verb = rng.choice(["teach", "teach", "teach", "forget", "rename"]) if names else "teach"
            if len(names) > SLOTS - 4:
                verb = "forget"
            fresh = f"thing {rng.randrange(10**9)}"
            some = rng.choice(sorted(names)) if names else ""
            if verb == "teach":
                picture = folder / f"{fresh.replace(' ', '_')}.npy"
                np.save(picture, np.random.default_rng(rng.randrange(2**32)).standard_normal(768).astype(np.float32))
                self.lines.append(f"teach {picture} '{fresh}'")
                names.add(fresh)
            elif verb == "forget":
                self.lines.append(f"forget '{some}'")
                names.discard(some)
            else:
                self.lines.append(f"rename '{some}' '{fresh}'")
                names.discard(some)
                names.add(fresh)
            self.after.append(set(names))


def acknowledged(records: list[Record]) -> int:
    """Whole lines that the app had answered, less the first, which answers `mem show`."""
    said = b"".join(r.data for r in records if r.kind == "A").decode(errors="replace")
    return max(0, said.count("\n") - 1)


def config_of(folder: Path) -> n.Config:
    """The memory's shape is the app's; its model's hash stands in whichever header can be read."""
    for name, at in (("memory_index.bin", 0), ("memory_backup.bin", 65536), ("memory_backup.bin", 0)):
        path = folder / name
        header = path.read_bytes()[at : at + 512] if path.exists() else b""
        if header[:8] == b"BITMARMS":
            return n.config(SLOTS, DIM, 8, model_hash=header[24:32])
    return n.config(SLOTS, DIM, 8)


def wrong_with(card: Path, may: list[set[str]]) -> str | None:
    """Open the memory of a card; None, or what is wrong with it."""
    folder = card / "bitmar_memory"
    try:
        with n.opened(folder, config_of(folder)) as memory:
            names, lost = set(memory.names().values()), memory.report.lost
            episode, key = n.random_episode(np.random.default_rng(0), DIM)
            memory.teach("the next one", episode, key)
    except n.StoreError as error:
        return str(error)
    if lost:
        return f"{lost} slots are lost"
    if names not in may:
        return f"there are {sorted(names)}, not {sorted(may[0])} or one word more"
    return None


def run_app(card: Path, folder: Path, rng: random.Random) -> tuple[Disk, list[Record], Script, str | None]:
    """One run of the app on this card, killed while it works."""
    memory, there = card / "bitmar_memory", set()
    if memory.exists():
        with n.opened(memory, config_of(memory)) as opened:
            there = set(opened.names().values())
    before, script, journal = Disk.of(card), Script(rng, folder, there), folder / "journal"
    journal.unlink(missing_ok=True)
    process = app(card, environment(card, journal))
    process.stdin.write("mem show\n" + "".join(line + "\n" for line in script.lines))
    process.stdin.flush()
    first = process.stdout.readline()
    for _ in range(rng.randint(3, WORDS - 2)):
        process.stdout.readline()
    time.sleep(rng.uniform(0, 0.03))
    process.kill()
    _, error = process.communicate()
    shown = {slot["name"] for slot in json.loads(first)["slots"]} if first.strip() else None
    wrong = None if shown == there else f"the app shows {shown}, there is {there}\n{error}"
    return before, read_journal(journal), script, wrong


def run_rounds(
    rounds: int, seed: int, per_run: int = 20, progress: bool = False, forget_barriers: bool = False
) -> dict:
    """So many power cuts; `violations` names each round that lost something. `forget_barriers`: the card ignores them."""
    rng = random.Random(seed)
    result = {"rounds": 0, "runs": 0, "words": 0, "violations": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        card = folder / "card0"
        card.mkdir()
        while result["rounds"] < rounds and not result["violations"]:
            before, records, script, wrong = run_app(card, folder, rng)
            if wrong:
                result["violations"].append(f"run {result['runs']} of seed {seed}: {wrong}")
                break
            if forget_barriers:
                records = [r for r in records if r.kind not in "SD"]
            points = [rng.randint(0, len(records)) for _ in range(min(per_run, rounds - result["rounds"]) - 1)]
            for point in [*points, len(records)]:
                disk = copy_of(before)
                for record in records[:point]:
                    disk.take(record)
                left = folder / f"left{result['rounds']}"
                disk.cut(rng, card, left)
                done = acknowledged(records[:point])
                keep = folder / f"card{result['runs'] + 1}"
                if point == len(records):
                    copy_tree(left, keep)
                wrong = wrong_with(left, script.after[done : done + 2])
                if wrong:
                    text = f"seed {seed}, run {result['runs']}, cut at {point} of {len(records)}: {wrong}"
                    result["violations"].append(text)
                result["rounds"] += 1
            result["words"] += done
            result["runs"] += 1
            card = keep
            if progress:
                print(
                    f"\r{result['rounds']} power cuts under the app, {result['words']} words", end="", file=sys.stderr
                )
    if progress:
        print(file=sys.stderr)
    return result


def copy_of(disk: Disk) -> Disk:
    files = {inode: bytearray(data) for inode, data in disk.files.items()}
    return Disk(dict(disk.names), files, set(disk.folders))


def copy_tree(old: Path, new: Path) -> None:
    subprocess.run(["cp", "-r", old, new], check=True)
