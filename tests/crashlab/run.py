"""`make crashlab`: the whole laboratory, its numbers in build/crashlab.json and its table in docs/crash-laboratory.md;
exit code 1 if anything was violated.

python tests/crashlab/run.py [--tenth] [--kills N] [--seed S]
python tests/crashlab/run.py --replay ID        one scenario again, by the id that a violation printed
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.crashlab import emulator, laboratory
from tests.crashlab.laboratory import SHAPES, Shard

RESULT = Path(__file__).resolve().parents[2] / "build" / "crashlab.json"


def all_shards(seed: int, tenth: bool) -> list[Shard]:
    """Lives torn at every byte, lives that are sampled, and every sequence of three words. The longest first."""
    if tenth:
        lives = [Shard(shape, seed + 10 + i, 14, sample=25, twice=60) for i, shape in enumerate(SHAPES)]
        return [*lives, Shard("three", seed, 1, sample=100, twice=0, words=2)]
    every_byte = [Shard(shape, seed, 4, sample=1, twice=2000) for shape in SHAPES[:2]]
    second_cuts = [Shard(shape, seed + 1, 6, sample=40, twice=8) for shape in SHAPES]
    sequences = [
        Shard(shape, seed + 2, taught, sample=60, twice=0, words=3, part=part, of=9)
        for shape, taught in (("three", 1), ("four", 3))
        for part in range(9)
    ]
    lives = [Shard(shape, seed + 2 + i, 30, sample=20, twice=40) for i in range(2) for shape in SHAPES]
    return every_byte + second_cuts + lives + sequences


def replay(scenario: str) -> int:
    shape, seed, step, *_ = scenario.split("/")
    words = [] if step.isdigit() else ["--words", "3", "--cuts-only"]
    taught = {"three": 1, "four": 3}.get(shape, 0) if words else int(step) + 1
    command = [str(laboratory.program()), shape, seed, str(taught), "--twice", "1", *words, "--only", scenario]
    return subprocess.run(command).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenth", action="store_true", help="the seeded tenth that make test runs")
    parser.add_argument("--kills", type=int, default=None, help="kills of the emulated board (500; 50 with --tenth)")
    parser.add_argument("--seed", type=int, default=1, help="of the workloads")
    parser.add_argument("--replay", metavar="ID", help="run one scenario again")
    args = parser.parse_args()
    if args.replay:
        return replay(args.replay)

    start = time.monotonic()
    total = laboratory.run_shards(all_shards(args.seed, args.tenth), progress=True)
    caught = laboratory.broken_variants()
    kills = args.kills if args.kills is not None else 50 if args.tenth else 500
    emulated = emulator.run_kills(kills, args.seed, progress=True) if kills else {"kills": 0, "violations": []}
    violations = total["messages"] + emulated["violations"]
    result = {
        "scenarios": total["scenarios"],
        "violations": total["violations"] + len(emulated["violations"]),
        "broken_variants_caught": sum(n > 0 for n in caught.values()),
        "broken_variants": {name: {"caught": n > 0, "violations": n} for name, n in caught.items()},
        "qemu_kills": emulated["kills"],
        "qemu": {key: value for key, value in emulated.items() if key != "violations"},
        "seconds": round(time.monotonic() - start, 1),
        # what other load cannot stretch
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), 1),
        "classes": {name: {"scenarios": n, "violations": bad} for name, (n, bad) in total["classes"].items()},
        "operations": total["steps"],
        "seed": args.seed,
    }
    RESULT.parent.mkdir(exist_ok=True)
    temporary = RESULT.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n")
    temporary.replace(RESULT)
    print(f"{result['scenarios']:,} scenarios in {result['operations']} words: {total['violations']} violations")
    told = (f"{name}: {'caught' if n else 'NOT CAUGHT'} ({n})" for name, n in caught.items())
    print("broken on purpose: " + ", ".join(told))
    print(f"{emulated['kills']} kills of the emulated board: {len(emulated['violations'])} violations")
    print(f"{result['seconds']} s in all")
    for line in violations[:20]:
        print(line, file=sys.stderr)
    return 0 if not result["violations"] and result["broken_variants_caught"] == len(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
