"""Property: no circle of calls between memstore's files: each can be read after those that it calls."""

from __future__ import annotations

import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

from tests.memstore import native


def symbols(compiled: Path, kind: str) -> set[str]:
    """Global symbols that an object defines ("T") or calls ("U")."""
    lines = subprocess.run(["nm", compiled], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if line.split()[-2] == kind}


def test_no_file_calls_one_that_calls_it(tmp_path: Path) -> None:
    sources = sorted((native.ROOT / "memstore" / "src").glob("*.c"))
    objects = {source.stem: tmp_path / f"{source.stem}.o" for source in sources}
    for source in sources:
        command = ["gcc", "-std=c11", "-c", *native.INCLUDES, str(source), "-o", str(objects[source.stem])]
        subprocess.run(command, check=True)
    owner = {name: stem for stem, compiled in objects.items() for name in symbols(compiled, "T")}
    calls = {stem: {owner[n] for n in symbols(path, "U") if n in owner} for stem, path in objects.items()}
    order = list(TopologicalSorter(calls).static_order())
    assert order.index("commit") < order.index("write") < order.index("teach")
