"""Property: no text and no table, however damaged, makes the C read or write outside its buffers, overflow or hang;
and every architecture gives the same ids."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from pathlib import Path

import pytest

from convert.tokenizer_table import write_table

from . import random_text, reference, vocabularies
from .build_c import build, build_sanitized, compiler, run
from .conftest import Pair
from .vectors import write_vectors

HERE = Path(__file__).parent
MACHINES = {
    "this machine": ("gcc", None),
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64-static"),
    "armv7": ("arm-linux-gnueabihf-gcc", "qemu-arm-static"),
}


def write_cases(path: Path, amount: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    cases = [rng.choice([random_text.broken(rng), random_text.text(rng).encode()]) for _ in range(amount)]
    path.write_bytes(b"".join(struct.pack("<I", len(case)) + case for case in cases))
    return cases


def check_output(output: str, pair: Pair, cases: list[bytes]) -> None:
    lines = output.split("\n")[:-1]
    assert len(lines) == len(cases)
    for line, case in zip(lines, cases, strict=True):
        assert [int(token) for token in line.split()] == reference.encode(pair.expected, case), case


def test_texts_under_sanitizers(pair: Pair, tmp_path: Path):
    program = build_sanitized(tmp_path / "run_cases", HERE / "run_cases.c")
    cases = write_cases(tmp_path / "cases", 1_000, seed=11)
    check_output(run([str(program), str(pair.table), str(tmp_path / "cases")]).stdout, pair, cases)


@pytest.mark.parametrize("machine", MACHINES)
def test_same_ids_on_every_machine(machine: str, pair: Pair, tmp_path: Path):
    name, emulator = MACHINES[machine]
    program = build([compiler(name), "-static"], tmp_path / "run_cases", HERE / "run_cases.c")
    command = [compiler(emulator), str(program)] if emulator else [str(program)]
    cases = write_cases(tmp_path / "cases", 1_000, seed=12)
    check_output(run([*command, str(pair.table), str(tmp_path / "cases")]).stdout, pair, cases)


@pytest.mark.parametrize("amount", [3_000, pytest.param(300_000, marks=pytest.mark.full)])
def test_damaged_tables_under_sanitizers(amount: int, tmp_path: Path):
    """Every truncation and every flipped bit is refused; with a right checksum, a damaged table is refused or safe."""
    vocabularies.trained(300).save(str(tmp_path / "tiny.json"))
    write_table(tmp_path / "tiny.json", tmp_path / "tiny.bin", 0, 1, 2)
    program = build_sanitized(tmp_path / "damage_table", HERE / "damage_table.c")
    output = run([str(program), str(tmp_path / "tiny.bin"), "1", str(amount)], timeout=500).stdout
    opened, accepted = map(int, re.findall(r"\d+", output))
    size = (tmp_path / "tiny.bin").stat().st_size
    assert opened == 1 + size + 4 + 8 * size + 3 * size + amount
    assert 0 < accepted < 3 * size + amount, "some damage is harmless (a spare slot), most is refused"


@pytest.mark.full
def test_damaged_tables_of_1024_entries(small: Pair, tmp_path: Path):
    program = build_sanitized(tmp_path / "damage_table", HERE / "damage_table.c")
    run([str(program), str(small.table), "2", "20000"], timeout=1_000)


@pytest.mark.parametrize("vocabulary", ["small", pytest.param("gpt2", marks=pytest.mark.full)])
def test_vectors_for_boards(vocabulary: str, tmp_path: Path):
    """The C file of vectors.py passes, and fails where one expected id is changed."""
    write_vectors(tmp_path / "vectors.c", vocabulary, cases=300, seed=3)
    main = tmp_path / "main.c"
    main.write_text(
        '#include "check_vectors.h"\n'
        "int main(void) { return check_tokenizer_vectors() != (int32_t)tokenizer_vector_count; }\n"
    )
    command = [compiler("gcc"), "-I", str(HERE)]
    sources = [main, HERE / "check_vectors.c", tmp_path / "vectors.c"]
    run([str(build(command, tmp_path / "vectors", *sources))])
    text = sources[-1].read_text()
    sources[-1].write_text(re.sub(r"(vector_ids\[\] = \{\s*\d+,)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}", text))
    assert subprocess.run([build(command, tmp_path / "wrong", *sources)], check=False).returncode == 1
