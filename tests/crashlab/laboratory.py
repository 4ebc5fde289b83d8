"""Build the crash laboratory's C program and run its shards: workloads on a simulated card, crashed in every way."""

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
KINDS = ("cuts", "tears", "reorders", "regions", "flips", "errors", "second_cuts")
SHAPES = ("ultra_tiny", "tiny_edge", "tiny_edge_int8", "int8", "odd", "small")


@dataclass(frozen=True)
class Shard:
    """One workload: so many steps of a seed, every `sample`-th torn sector, second cuts of every `twice`-th first."""

    shape: str
    seed: int
    steps: int
    sample: int = 1
    twice: int = 8


def program(crc: str = "", sanitize: bool = False) -> Path:
    """The laboratory's binary; crc="ignored" links a store whose CRCs are always right."""
    sources = sorted(HERE.glob("*.c")) + [s for s in native.SOURCES if not (crc and s.name == "crc32.c")]
    flags = ["-I", str(native.ROOT / "memstore" / "src"), *(native.SANITIZE if sanitize else [])]
    if crc:
        sources.append(HERE / "broken" / "crc32.c")
    name = "crashlab" + (f"_crc_{crc}" if crc else "") + ("_sanitized" if sanitize else "")
    return native.build(name, sources, "clang" if sanitize else "gcc", flags)


def run_shard(binary: Path, shard: Shard, *options: str, timeout: float = 3600) -> dict:
    """One shard's counts; `messages` are the violations that it named, with ids for --replay."""
    command = [str(binary), shard.shape, str(shard.seed), str(shard.steps)]
    command += ["--sample", str(shard.sample), "--twice", str(shard.twice), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    counts = json.loads(done.stdout)
    counts["messages"] = [line for line in done.stderr.splitlines() if line.startswith("VIOLATION")]
    return counts


def run_shards(shards: list[Shard], binary: Path | None = None, progress: bool = False) -> dict:
    """All shards, on every core; the sums of their counts."""
    binary = binary or program()
    total: dict = {kind: 0 for kind in (*KINDS, "violations", "steps")} | {"messages": []}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, counts in enumerate(pool.map(lambda s: run_shard(binary, s), shards), 1):
            for key in total:
                total[key] += counts[key]
            if progress:
                done = sum(total[kind] for kind in KINDS)
                print(
                    f"\r{number}/{len(shards)} workloads, {done:,} scenarios, {total['violations']} violations",
                    end="",
                    file=sys.stderr,
                )
    if progress:
        print(file=sys.stderr)
    total["scenarios"] = sum(total[kind] for kind in KINDS)
    return total


def broken_variants() -> dict[str, int]:
    """Violations found in a card without barriers, a store without a mirror and one that ignores CRCs: all must be > 0."""
    shard = Shard("ultra_tiny", 1, 6, sample=40, twice=0)
    return {
        "no barrier": run_shard(program(), shard, "--no-barrier")["violations"],
        "no mirror": run_shard(program(), shard, "--no-mirror")["violations"],
        "CRC ignored": run_shard(program(crc="ignored"), shard)["violations"],
    }
