"""Mutants of memstore/src: small changes that a test of the store should notice, each compiled and run in the laboratory.

python tests/crashlab/mutants.py [--only TEXT] [--jobs N]

A mutant is killed when the laboratory finds a violation, or when it crashes or does not end, or when a test of DIRECTED
fails. One that cannot be told from
the original is listed with the reason instead. An anchor that is not found exactly once in its function is an error: the
list follows the code.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.crashlab.laboratory import BLOCK, Shard, sources
from tests.crashlab.mutant_list import MUTANTS, Mutant
from tests.memstore import native

STORE = native.ROOT / "memstore" / "src"
FLAGS = ["-std=c11", "-O1", "-ffp-contract=off", "-fno-math-errno", "-w", f"-I{STORE}"]
# what finds most in a second comes first
BATTERY = (
    Shard("three", 1, 2, sample=100, twice=0, words=1),
    Shard("three", 3, 9, sample=100, twice=80),
    Shard("three@4", 4, 24, sample=100, twice=100),
    Shard("ultra_tiny", 11, 7, sample=100, twice=100),
)
SECONDS = 30  # of the processor, for one shard: it takes a few, and one that hangs is found
# of tests/memstore: what the laboratory's words cannot do, for those that survive it
DIRECTED = ("test_one_copy.py", "test_crafted_sectors.py", "test_failing_calls.py::test_a_word[undo]", "test_ports.py")


class AnchorError(ValueError):
    """The list does not fit the code any more."""


@dataclass(frozen=True)
class Outcome:
    mutant: Mutant
    killed_by: str  # "": it survived


def function_span(text: str, name: str) -> tuple[int, int]:
    """Where a function's definition begins and ends."""
    starts = [m.start() for m in re.finditer(rf"^\w[\w \*]*\b{name}\([^;{{]*\{{", text, re.M)]
    if len(starts) != 1:
        raise AnchorError(f"{name}: {len(starts)} definitions, expected 1")
    return starts[0], text.index("\n}", starts[0])


def mutate(text: str, mutant: Mutant) -> str:
    """The source with the mutant's change; white space does not matter in the anchor."""
    start, end = function_span(text, mutant.function)
    body = text[start:end]
    words = [re.escape(w) for w in mutant.old.split()]
    found = list(re.finditer(r"\s+".join(words), body))
    if len(found) != 1:
        raise AnchorError(f"{mutant}: {len(found)} places, expected 1")
    return text[:start] + body[: found[0].start()] + mutant.new + body[found[0].end() :] + text[end:]


def includes() -> list[str]:
    return [*FLAGS, *native.INCLUDES]


def compile_one(source: Path, out: Path, text: str | None = None) -> None:
    """To an object; `text` instead of what is in the file."""
    command = ["gcc", *includes(), *BLOCK, "-c", "-x", "c", "-" if text is not None else str(source), "-o", str(out)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=source.parent)
    if done.returncode:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr[-2000:]}")


def failed_test(mutant: Mutant | None, tests: tuple[str, ...], folder: Path) -> str:
    """The first of these tests that a library with this mutant (None: the store as it is) fails, "": none."""
    library = folder / f"{abs(hash(mutant))}.so"
    files = [*native.SOURCES, native.POSIX]
    if mutant:
        changed = folder / f"{abs(hash(mutant))}.c"
        changed.write_text(mutate((STORE / mutant.file).read_text(), mutant))
        files[files.index(STORE / mutant.file)] = changed
    subprocess.run(["gcc", *includes(), "-shared", "-fPIC", *map(str, files), "-lm", "-o", str(library)], check=True)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environ = {**os.environ, "MEMSTORE_LIBRARY": str(library), **native.in_ram()}
    where = native.ROOT / "tests" / "memstore"
    done = subprocess.run(command, cwd=where, env=environ, capture_output=True, text=True)
    lines = [x.split(" - ")[0].removeprefix("FAILED ") for x in done.stdout.splitlines() if x.startswith("FAILED ")]
    return lines[0] if lines else f"exit {done.returncode}" if done.returncode < 0 else ""


def run_one(mutant: Mutant, objects: dict[str, Path], folder: Path) -> Outcome:
    if mutant.test and (killed := failed_test(mutant, (mutant.test,), folder)):
        return Outcome(mutant, killed)
    source = STORE / mutant.file
    name = f"{mutant.file}-{mutant.function}-{abs(hash((mutant.old, mutant.new)))}"
    changed, program = folder / f"{name}.o", folder / name
    compile_one(source, changed, mutate(source.read_text(), mutant))
    linked = [str(changed if key == mutant.file else path) for key, path in objects.items()]
    subprocess.run(["gcc", *linked, "-lm", "-o", str(program)], check=True)
    killed = ""
    for shard in BATTERY:
        command = ["prlimit", f"--cpu={SECONDS}", str(program), *shard.arguments(), "--stop"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            line = next((x for x in done.stderr.splitlines() if x.startswith("VIOLATION")), f"exit {done.returncode}")
            killed = line.removeprefix("VIOLATION ")
            break
    changed.unlink()
    program.unlink()
    return Outcome(mutant, killed or failed_test(mutant, DIRECTED, folder))


def run_mutants(only: str = "", jobs: int | None = None, progress: bool = False) -> list[Outcome]:
    """Every mutant that is not listed as equivalent (or whose text contains `only`), one after the other on each core."""
    chosen = [m for m in MUTANTS if not m.equivalent and only in str(m)]
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        folder = Path(temporary)
        objects = {s.name: folder / f"{s.parent.name}-{s.stem}.o" for s in sources()}
        list(pool.map(lambda s: compile_one(s, objects[s.name]), sources()))
        tests = tuple(sorted({*DIRECTED, *(m.test for m in chosen if m.test)}))
        if failed := failed_test(None, tests, folder):
            raise RuntimeError(f"{failed} fails without any mutant")
        for outcome in pool.map(lambda m: run_one(m, objects, folder), chosen):
            outcomes.append(outcome)
            if progress:
                alive = sum(not o.killed_by for o in outcomes)
                print(f"\r{len(outcomes)}/{len(chosen)} mutants, {alive} survive", end="", file=sys.stderr)
    if progress:
        print(file=sys.stderr)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants whose text contains this")
    parser.add_argument("--jobs", type=int, default=None, help="at a time (default: one on each core)")
    args = parser.parse_args()
    start = time.monotonic()
    outcomes = run_mutants(args.only, args.jobs, progress=True)
    for outcome in outcomes:
        print(f"{'killed  ' if outcome.killed_by else 'SURVIVES'} {outcome.mutant}  {outcome.killed_by}")
    alive = sum(not o.killed_by for o in outcomes)
    equivalent = sum(bool(m.equivalent) for m in MUTANTS)
    print(f"{len(outcomes)} mutants, {alive} survive, {equivalent} are equivalent; {time.monotonic() - start:.0f} s")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
