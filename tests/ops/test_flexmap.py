"""Property: the reader of an op's attributes finds every integer that the FlexBuffers library wrote, and reads no byte outside of
the options, whatever they contain (address and undefined-behaviour sanitizers watch)."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from flatbuffers import flexbuffers

from bitmar.native import build

SOURCES = build.ROOT / "ops" / "src"
KEYS = ("version", "rows", "k", "missing")
FOUND, MISSING, BROKEN, NOT_INT = range(4)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flexmap") / "flexmap"
    source = Path(__file__).with_name("flexmap_main.c")
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    flags += ["-fno-sanitize-recover", f"-I{SOURCES}"]
    subprocess.run([*build.compiler(), *flags, source, SOURCES / "flexmap.c", "-o", out], check=True)
    return out


def read(program: Path, maps: list[bytes]) -> list[list[tuple[int, int]]]:
    data = b"".join(len(m).to_bytes(4, "little") + m for m in maps)
    result = subprocess.run([program, *KEYS], input=data, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()[-3000:]
    lines = result.stdout.decode().splitlines()
    assert len(lines) == len(maps)
    return [[tuple(map(int, cell.split(":"))) for cell in line.split()] for line in lines]


def test_every_integer_is_found(program: Path) -> None:
    rng = random.Random(1)
    values = [
        rng.choice([0, 1, -1, 127, -128, 255, 32767, 65536, 2**31 - 1, -(2**31), 2**40, -(2**62)]) for _ in range(300)
    ]
    tables = [{"version": v, "rows": rng.randrange(2**20), "k": -v, "other": 7} for v in values]
    for table, found in zip(tables, read(program, [bytes(flexbuffers.Dumps(t)) for t in tables]), strict=True):
        assert found == [(FOUND, table["version"]), (FOUND, table["rows"]), (FOUND, table["k"]), (MISSING, 0)]


def test_other_values_are_told_apart(program: Path) -> None:
    maps = [
        flexbuffers.Dumps({"version": "1", "rows": 1.5, "k": True}),
        flexbuffers.Dumps([1, 2]),
        flexbuffers.Dumps(5),
    ]
    first, vector, number = read(program, [*map(bytes, maps)])
    assert first == [(NOT_INT, 0), (NOT_INT, 0), (FOUND, 1), (MISSING, 0)]
    assert {result for result, _ in vector + number} == {BROKEN}


def test_damaged_options_are_never_read_outside(program: Path) -> None:
    rng = random.Random(2)
    whole = [bytes(flexbuffers.Dumps({"version": 1, "rows": rng.randrange(2**40), "k": i})) for i in range(50)]
    maps = [m[:cut] for m in whole[:5] for cut in range(len(m))]
    for _ in range(20_000):
        damaged = bytearray(rng.choice(whole))
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 2, 4, 8, 127, 255, rng.randrange(256)))
        maps.append(bytes(damaged))
    maps += [rng.randbytes(rng.randrange(40)) for _ in range(5_000)]
    results = {result for found in read(program, maps) for result, _ in found}
    assert results == {FOUND, MISSING, BROKEN, NOT_INT}
