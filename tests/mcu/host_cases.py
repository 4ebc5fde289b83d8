"""Builds the cases of a suite for this machine: what they compute here is what the board must compute.

Used by mcu_app/scripts/generate_model.py before `pio test`, and by the pytest tests.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-unused-function"]
LIBRARIES = ("kernels", "memstore", "tokenizer")


def library_sources() -> list[str]:
    """The C files of kernels (with this processor's instructions), memstore and tokenizer."""
    folders = [*sorted(path for path in (ROOT / "kernels").iterdir() if path.is_dir()), ROOT / "memstore" / "src"]
    return [str(path) for folder in [*folders, ROOT / "tokenizer" / "src"] for path in sorted(folder.glob("*.c"))]


def includes(model: Path) -> list[str]:
    """Include folders; `model` is what convert.aot wrote."""
    folders = [model, HERE, ROOT / "mcu_app" / "include", *(ROOT / library / "include" for library in LIBRARIES)]
    return [f"-I{folder}" for folder in folders] + [f"-Wa,-I{model}"]


def compile_host(sources: list[Path | str], model: Path, out: Path, flags: tuple[str, ...] = ()) -> Path:
    """Compiles C sources with the libraries and a generated model for this machine."""
    out.parent.mkdir(parents=True, exist_ok=True)
    generated = [str(path) for name in ("bitmar_model.c", "bitmar_model_data.S") if (path := model / name).exists()]
    command = ["cc", *FLAGS, *flags, *includes(model), *map(str, sources), *generated, *library_sources(), "-lm"]
    done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return out


def host_checksums(suite: str, model: Path, build: Path) -> dict[str, int]:
    """Checksum of each case of a suite, by its name."""
    sources = [
        HERE / suite / "cases.c",
        HERE / "host" / "print_cases.c",
        ROOT / "mcu_app" / "src" / "engine_aot" / "engine_aot.c",
    ]
    program = compile_host(sources, model, build / f"{suite}_host")
    output = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return {name: int(value, 16) for name, value in (line.split() for line in output.splitlines())}


def write_expected(suite: str, model: Path, build: Path) -> None:
    """Writes build/expected.h for a suite of cases; nothing for a suite without them."""
    if not (HERE / suite / "cases.c").exists():
        return
    checksums = host_checksums(suite, model, build)
    rows = "\n".join(f"    0x{value:08x}, /* {name} */" for name, value in checksums.items())
    build.mkdir(parents=True, exist_ok=True)
    text = f"#pragma once\n#include <stdint.h>\n\nstatic const uint32_t expected[] = {{\n{rows}\n}};\n"
    if not (build / "expected.h").exists() or (build / "expected.h").read_text() != text:
        (build / "expected.h").write_text(text)
