"""Build the tokenizer's C for the tests: a shared object for ctypes, and programs with sanitizers or for other machines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "tokenizer"
SOURCES = [*sorted((TOKENIZER / "src").glob("*.c")), ROOT / "kernels" / "src" / "crc32.c"]
INCLUDES = [f"-I{folder}" for folder in (TOKENIZER / "include", TOKENIZER / "src", ROOT / "kernels" / "include")]
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-Wpedantic"]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiler(name: str) -> str:
    """A compiler's path; the test is skipped where it is not installed (`pipeline.py doctor` says how to)."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def build(command: list[str], out: Path, *sources: Path) -> Path:
    """Compile and link `sources` with the whole tokenizer."""
    run([*command, *FLAGS, *INCLUDES, *map(str, [*sources, *SOURCES]), "-o", str(out)])
    return out


def build_sanitized(out: Path, *sources: Path) -> Path:
    """The same with clang's address and undefined-behaviour sanitizers: any finding ends the program."""
    run([compiler("clang"), *FLAGS, *SANITIZERS, *INCLUDES, *map(str, [*sources, *SOURCES]), "-o", str(out)])
    return out


def run(command: list[str], **options) -> subprocess.CompletedProcess[str]:
    """Run a program; its output is shown where it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, f"{command[0]} exited with {result.returncode}:\n{result.stdout}{result.stderr}"
    return result
