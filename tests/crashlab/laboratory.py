"""Build the crash laboratory's C program and run its shards: words on a simulated card, gone wrong in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.memstore import native

HERE = Path(__file__).resolve().parent
SHAPES = ("ultra_tiny", "tiny_edge", "tiny_edge_int8", "int8", "odd", "small", "three", "four")
BLOCK = ["-include", str(HERE / "block.h")]  # short blocks: a life crosses several of them, and files too
SEQUENCES = "all sequences"  # the class that --words counts for


@dataclass(frozen=True)
class Shard:
    """One life: so many words of a seed on a shape ("odd@4": in blocks of 4 entries instead of 16), every `sample`-th torn
    sector, second cuts of every `twice`-th first.

    words > 0: instead, after `steps` things were taught, every sequence of up to so many words whose first is the
    `part`-th of each `of`."""

    shape: str
    seed: int
    steps: int
    sample: int = 1
    twice: int = 8
    words: int = 0
    part: int = 0
    of: int = 1

    def arguments(self) -> list[str]:
        more = ["--words", self.words, "--part", self.part, self.of, "--cuts-only"] if self.words else []
        all_of_them = [self.shape, self.seed, self.steps, "--sample", self.sample, "--twice", self.twice, *more]
        return [str(a) for a in all_of_them]


def sources(store: Path = native.ROOT / "memstore" / "src") -> list[Path]:
    """The laboratory's own files, those of a store and the arithmetic that it shares with the ops."""
    kernels = [HERE / "fast" / "crc32.c", *(k for k in native.KERNELS if k.name != "crc32.c")]
    return [*sorted(HERE.glob("*.c")), *sorted(store.glob("*.c")), *kernels]


def program(crc: str = "", sanitize: bool = False) -> Path:
    """The laboratory's binary; crc="ignored" links a store whose CRCs are always right."""
    files = [s for s in sources() if not (crc and s.name == "crc32.c")]
    flags = [*BLOCK, "-I", str(native.ROOT / "memstore" / "src"), *(native.SANITIZE if sanitize else [])]
    if crc:
        files.append(HERE / "broken" / "crc32.c")
    name = "crashlab" + (f"_crc_{crc}" if crc else "") + ("_sanitized" if sanitize else "")
    return native.build(name, files, "clang" if sanitize else "gcc", flags)


def run_shard(binary: Path, shard: Shard, *options: str, timeout: float = 3600) -> dict:
    """One shard's counts; `messages` are the violations that it named, with ids for --only."""
    command = [str(binary), *shard.arguments(), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    counts = json.loads(done.stdout)
    if shard.words:
        both = [sum(pair[i] for pair in counts["classes"].values()) for i in (0, 1)]
        counts["classes"] = {SEQUENCES: both}
    counts["scenarios"] = sum(scenarios for scenarios, _ in counts["classes"].values())
    counts["violations"] = sum(violations for _, violations in counts["classes"].values())
    counts["messages"] = [line for line in done.stderr.splitlines() if line.startswith("VIOLATION")]
    return counts


def run_shards(shards: list[Shard], binary: Path | None = None, progress: bool = False) -> dict:
    """All shards, on every core; the sums of their counts."""
    binary = binary or program()
    total: dict = {"scenarios": 0, "violations": 0, "steps": 0, "messages": [], "classes": {}}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, counts in enumerate(pool.map(lambda s: run_shard(binary, s), shards), 1):
            for key in ("scenarios", "violations", "steps", "messages"):
                total[key] += counts[key]
            for name, pair in counts["classes"].items():
                before = total["classes"].get(name, [0, 0])
                total["classes"][name] = [a + b for a, b in zip(before, pair, strict=True)]
            if progress:
                text = f"\r{number}/{len(shards)} lives, {total['scenarios']:,} scenarios, {total['violations']} violations"
                print(text, end="", file=sys.stderr)
    if progress:
        print(file=sys.stderr)
    return total


BARRIERS = {"no barrier": "--no-barrier", "no last barrier": "--no-last-barrier"}


def broken_variants(seed: int = 1) -> dict[str, int]:
    """Violations found in a card without barriers and a store without its last barrier, the fewest of all shapes; in one
    without a mirror and one that ignores CRCs: all must be > 0."""
    shard = Shard("ultra_tiny", seed, 6, sample=40, twice=0)
    caught = {}
    for name, option in BARRIERS.items():
        lives = [Shard(shape, seed + i, 4, sample=500, twice=0) for i, shape in enumerate(SHAPES)]
        options = ("--stop", option, "--cuts-only", "--skip-making")
        caught[name] = min(run_shard(program(), life, *options)["violations"] for life in lives)
    caught["no mirror"] = run_shard(program(), shard, "--stop", "--no-mirror")["violations"]
    caught["CRC ignored"] = run_shard(program(crc="ignored"), shard, "--stop")["violations"]
    return caught
