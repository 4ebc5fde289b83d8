"""`make crashlab`: the whole laboratory, its numbers in build/crashlab.json and its table in docs/crash-laboratory.md;
exit code 1 if anything was violated, a mutant survives or a broken store passes.

python tests/crashlab/run.py [--tenth] [--kills N] [--rounds N] [--seed S] [--skip PART ...]
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

from tests.crashlab import coverage, emulator, laboratory, mutants
from tests.crashlab.laboratory import SHAPES, Shard
from tests.crashlab.mutant_list import MUTANTS
from tests.crashlab.under_app import rounds

ROOT = Path(__file__).resolve().parents[2]
RESULT, PAGE = ROOT / "build" / "crashlab.json", ROOT / "docs" / "crash-laboratory.md"
BEGIN, END = "<!-- last run: begin, written by tests/crashlab/run.py -->\n", "<!-- last run: end -->"
PARTS = ("app", "kills", "mutants", "coverage")


def all_shards(seed: int, tenth: bool) -> list[Shard]:
    """Lives torn at every byte, lives that are sampled, and every sequence of three words. The longest first."""
    if tenth:
        lives = [Shard(shape, seed + 10 + i, 14, sample=25, twice=60) for i, shape in enumerate(SHAPES)]
        return [*lives, Shard("three", seed, 1, sample=100, twice=0, words=2)]
    every_byte = [Shard(shape, seed, 3, sample=1, twice=2000) for shape in ("ultra_tiny", "three@4")]
    second_cuts = [Shard(shape, seed + 1, 4, sample=60, twice=8) for shape in SHAPES]
    sequences = [
        Shard(shape, seed + 2, taught, sample=60, twice=0, words=3, part=part, of=9)
        for shape, taught in (("three", 1), ("four@4", 3))
        for part in range(9)
    ]
    lives = [Shard(shape, seed + 2, 14, sample=60, twice=100) for shape in SHAPES]
    short_blocks = [Shard(f"{shape}@4", seed + 3, 24, sample=100, twice=200) for shape in ("three", "four", "odd")]
    return every_byte + second_cuts + lives + short_blocks + sequences


def replay(scenario: str) -> int:
    shape, seed, step, *_ = scenario.split("/")
    words = [] if step.isdigit() else ["--words", "3", "--cuts-only"]
    taught = {"three": 1, "four": 3}.get(shape.split("@")[0], 0) if words else int(step) + 1
    command = [str(laboratory.program()), shape, seed, str(taught), "--twice", "1", *words, "--only", scenario]
    return subprocess.run(command).returncode


def write_page(result: dict) -> None:
    """The table of the last run into the page."""
    classes = result["classes"].items()
    rows = [f"| {name} | {c['scenarios']:,} | {c['violations']} |" for name, c in classes]
    more = [
        ("power cuts under the Pi app", result["app_rounds"], result["app_violations"]),
        ("kills of the emulated Cortex-M7", result["qemu_kills"], result["qemu_violations"]),
    ]
    rows += [f"| {name} | {n:,} | {bad} |" for name, n, bad in more if n]
    text = f"{result['scenarios']:,} scenarios, {result['violations']} violations"
    if result["mutants"]:
        text += f"; {result['mutants_killed']} of {result['mutants']} mutants killed, "
        text += f"{result['mutants_equivalent']} more are equivalent"
    if result["branch_coverage"] is not None:
        text += f"; {result['branch_coverage']} % of the branches taken, {result['branches_excepted']} excepted"
    table = "\n".join(["", "| class | cases | violations |", "|---|---|---|", *rows, "", text + ".", ""])
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + table + END + rest.split(END)[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenth", action="store_true", help="the seeded tenth that make test runs; the page stays")
    parser.add_argument("--kills", type=int, default=None, help="kills of the emulated board (500; 50 with --tenth)")
    parser.add_argument("--rounds", type=int, default=None, help="power cuts under the Pi app (200; 40 with --tenth)")
    parser.add_argument("--seed", type=int, default=1, help="of the workloads")
    parser.add_argument("--skip", nargs="*", choices=PARTS, default=[], help="leave these out; the page stays")
    parser.add_argument("--replay", metavar="ID", help="run one scenario again")
    args = parser.parse_args()
    if args.replay:
        return replay(args.replay)

    start = time.monotonic()
    skip = {*args.skip, *(("mutants", "coverage") if args.tenth else ())}
    count = {"kills": args.kills or (50 if args.tenth else 500), "app": args.rounds or (40 if args.tenth else 200)}
    total = laboratory.run_shards(all_shards(args.seed, args.tenth), progress=True)
    caught = laboratory.broken_variants()
    app = (
        {"rounds": 0, "violations": []} if "app" in skip else rounds.run_rounds(count["app"], args.seed, progress=True)
    )
    emulated: dict = {"kills": 0, "violations": []}
    if "kills" not in skip:
        emulated = emulator.run_kills(count["kills"], args.seed, progress=True)
    outcomes = [] if "mutants" in skip else mutants.run_mutants(progress=True)
    covered = {"percent": None, "excepted": 0, "uncovered": [], "stale": []}
    if "coverage" not in skip:
        covered = coverage.measure()
    alive = [str(o.mutant) for o in outcomes if not o.killed_by]
    violations = total["messages"] + app["violations"] + emulated["violations"]
    result = {
        "scenarios": total["scenarios"] + app["rounds"] + emulated["kills"],
        "violations": total["violations"] + len(app["violations"]) + len(emulated["violations"]),
        "classes": {name: {"scenarios": n, "violations": bad} for name, (n, bad) in total["classes"].items()},
        "broken_variants_caught": sum(n > 0 for n in caught.values()),
        "broken_variants": {name: {"caught": n > 0, "violations": n} for name, n in caught.items()},
        "mutants": len(outcomes),
        "mutants_killed": len(outcomes) - len(alive),
        "mutants_equivalent": sum(bool(m.equivalent) for m in MUTANTS),
        "mutants_alive": alive,
        "qemu_kills": emulated["kills"],
        "qemu_violations": len(emulated["violations"]),
        "app_rounds": app["rounds"],
        "app_violations": len(app["violations"]),
        "branch_coverage": covered["percent"],
        "branches_excepted": covered["excepted"],
        "branches_uncovered": len(covered["uncovered"]),
        "seconds": round(time.monotonic() - start, 1),
        # what other load cannot stretch
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), 1),
        "operations": total["steps"],
        "seed": args.seed,
    }
    RESULT.parent.mkdir(exist_ok=True)
    temporary = RESULT.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n")
    temporary.replace(RESULT)
    if not args.tenth and not args.skip:
        write_page(result)
    print(f"{result['scenarios']:,} scenarios in {result['operations']} words: {result['violations']} violations")
    told = (f"{name}: {'caught' if n else 'NOT CAUGHT'} ({n})" for name, n in caught.items())
    print("broken on purpose: " + ", ".join(told))
    print(f"{len(outcomes)} mutants, {len(alive)} survive; branch coverage {covered['percent']} %")
    print(f"{app['rounds']} power cuts under the app, {emulated['kills']} kills of the emulated board")
    print(f"{result['seconds']} s in all")
    for line in [*violations[:20], *(f"survives: {m}" for m in alive)]:
        print(line, file=sys.stderr)
    bad = result["violations"] or alive or covered["stale"] or result["broken_variants_caught"] < len(caught)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
