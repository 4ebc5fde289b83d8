"""Property: no line and no picture makes the console read or write outside of its buffers (address and undefined sanitizers)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from convert.aot import generate
from tests.mcu.conftest import ROOT

APP = ROOT / "mcu_app" / "src" / "app"
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def fuzzer(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    generate(model, folder)
    sources = [
        ROOT / "tests" / "mcu" / "host" / "fuzz_console.cpp",
        *(APP / f"{n}.cpp" for n in ("parse", "output", "json", "text", "picture")),
        ROOT / "kernels" / "src" / "crc32.c",
    ]
    folders = [folder, APP, ROOT / "mcu_app" / "include", ROOT / "kernels" / "include", ROOT / "memstore" / "include"]
    command = [
        "g++",
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        *SANITIZE,
        *(f"-I{f}" for f in folders),
        *map(str, sources),
    ]
    subprocess.run([*command, "-o", str(folder / "fuzz")], check=True)
    return folder / "fuzz"


def run(fuzzer: Path, seed: int, count: int) -> list[int]:
    done = subprocess.run([fuzzer, str(seed), str(count)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [int(number) for number in done.stdout.split()]


def test_no_sanitizer_finding(fuzzer: Path) -> None:
    parsed, pictures, _ = run(fuzzer, 1, 20_000)
    assert parsed > 100, "the lines reach the words"
    assert pictures == 0, "a damaged picture is never taken"


@pytest.mark.full
def test_no_sanitizer_finding_long(fuzzer: Path) -> None:
    for seed in range(2, 12):
        run(fuzzer, seed, 200_000)
