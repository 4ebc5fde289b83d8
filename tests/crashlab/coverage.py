"""Branch coverage of memstore/src by its tests and the laboratory: gcov of gcc, both builds added up.

python tests/crashlab/coverage.py [--no-tests]

Branches that no test takes are in build/crashlab-uncovered.txt; those of coverage_exceptions.txt have a reason there and do
not count. An exception whose code is gone, or whose branches are all taken, is an error: the list follows the code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.crashlab.laboratory import BLOCK, HERE, Shard, sources
from tests.memstore import native

STORE = native.ROOT / "memstore" / "src"
FOLDER = native.ROOT / "build" / "coverage"
UNCOVERED = native.ROOT / "build" / "crashlab-uncovered.txt"
EXCEPTIONS = HERE / "coverage_exceptions.txt"
FLAGS = ["-std=c11", "-O0", "--coverage", "-ffp-contract=off", "-w"]
SHARDS = (
    Shard("three", 3, 14, sample=200, twice=200),
    Shard("int8", 14, 20, sample=200, twice=200),
    Shard("odd", 16, 8, sample=200, twice=200),
    Shard("three@4", 4, 30, sample=200, twice=200),
)

Branch = tuple[str, int, int]  # file, line, number on that line


def build(folder: Path, files: list[Path], flags: list[str], link: list[str], out: str) -> Path:
    """Objects with coverage for the store's files, without for the others, linked to `out`."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = []
    for source in files:
        target = folder / f"{source.parent.name}-{source.stem}.o"
        of_store = source.parent == STORE
        own = FLAGS if of_store else [*(f for f in FLAGS if f not in ("--coverage", "-O0")), "-O2"]
        command = ["gcc", *own, *flags, f"-I{STORE}", *native.INCLUDES, "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True)
        objects.append(str(target))
    program = folder / out
    subprocess.run(["gcc", "--coverage", *link, *objects, "-lm", "-o", str(program)], check=True)
    return program


def run_laboratory(folder: Path) -> None:
    program = build(folder, sources(), BLOCK, [], "crashlab")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda s: subprocess.run([program, *s.arguments()], stdout=subprocess.DEVNULL), SHARDS))


def run_tests(folder: Path) -> None:
    """The tests of the store, on a library with coverage in the place of the usual one."""
    library = build(folder, [*native.SOURCES, native.POSIX], ["-fPIC"], ["-shared"], "libmemstore.so")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/memstore"]
    command += ["--deselect", "tests/memstore/test_fuzz.py"]
    environ = {**os.environ, "MEMSTORE_LIBRARY": str(library), **native.in_ram()}
    done = subprocess.run(command, cwd=native.ROOT, env=environ, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-1500:], file=sys.stderr)


def branches_of(folder: Path) -> dict[Branch, int]:
    """How often each branch of the store was taken."""
    counts: dict[Branch, int] = defaultdict(int)
    data = [str(p) for p in folder.glob("src-*.gcda")]
    if not data:
        return counts
    subprocess.run(["gcov", "-b", "-c", "--json-format", *data], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for path in folder.glob("*.gcov.json.gz"):
        for file in json.loads(gzip.decompress(path.read_bytes()))["files"]:
            name = Path(file["file"]).name
            if (STORE / name).exists() and name.endswith(".c"):
                for line in file["lines"]:
                    for i, branch in enumerate(line["branches"]):
                        counts[name, line["line_number"], i] += branch["count"]
    return counts


def read_exceptions() -> dict[tuple[str, str], str]:
    """(file, code of the line) -> reason; lines of `FILE | CODE | REASON`."""
    found = {}
    for line in EXCEPTIONS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            file, code, reason = (part.strip() for part in line.split(" | ", 2))
            found[file, code] = reason
    return found


def measure(with_tests: bool = True) -> dict:
    """`percent` of the branches that count, `branches`, `excepted`, and the `uncovered` lines."""
    subprocess.run(["rm", "-rf", str(FOLDER)], check=True)
    run_laboratory(FOLDER / "laboratory")
    counts = branches_of(FOLDER / "laboratory")
    if with_tests:
        run_tests(FOLDER / "tests")
        for branch, count in branches_of(FOLDER / "tests").items():
            counts[branch] += count
    text = {p.name: p.read_text().splitlines() for p in STORE.glob("*.c")}
    exceptions, used = read_exceptions(), set()
    uncovered, excepted = defaultdict(int), 0
    for (file, line, _), count in counts.items():
        key = (file, text[file][line - 1].strip())
        if count:
            continue
        if key in exceptions:
            used.add(key)
            excepted += 1
        else:
            uncovered[file, line] += 1
    stale = [f"{file} | {code}" for file, code in exceptions if (file, code) not in used]
    left = sum(uncovered.values())
    lines = [f"{f}:{n}: {k} not taken: {text[f][n - 1].strip()}" for (f, n), k in sorted(uncovered.items())]
    UNCOVERED.write_text("\n".join(lines) + "\n")
    total = len(counts) - excepted
    percent = round(100 * (total - left) / total, 2)
    return {"percent": percent, "branches": len(counts), "excepted": excepted, "uncovered": lines, "stale": stale}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-tests", action="store_true", help="the laboratory alone")
    args = parser.parse_args()
    result = measure(not args.no_tests)
    print("\n".join([*result["uncovered"], *(f"no longer an exception: {s}" for s in result["stale"])]))
    print(f"{result['percent']} % of {result['branches']} branches, {result['excepted']} excepted")
    return 1 if result["uncovered"] or result["stale"] else 0


if __name__ == "__main__":
    sys.exit(main())
