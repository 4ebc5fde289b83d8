"""Property: a libbitmar.so that this Python cannot load is refused in one line that names what was found and expected."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from bitmar.native import build, library
from convert.op_table import ops
from tests.bitmar.runtimes import run_python

TRY = "from bitmar.native import library\ntry:\n    library.load()\nexcept Exception as e:\n    print(type(e).__name__, e)"


def message(path: Path) -> str:
    output = run_python("ai-edge-litert", "-c", TRY, BITMAR_LIBRARY=str(path)).stdout
    assert output.startswith("BitmarError ") and output.count("\n") == 1
    return output


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert re.search(r"none\.so: cannot be read \(No such file", message(tmp_path / "none.so"))


def test_text_is_not_a_library(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("hello")
    assert "not a shared object" in message(tmp_path / "text.so")


def test_half_a_library_is_refused(tmp_path: Path) -> None:
    whole = library.checked_path().read_bytes()
    (tmp_path / "half.so").write_bytes(whole[: len(whole) // 2])
    assert re.search(r"half\.so: cut short: \d+ bytes", message(tmp_path / "half.so"))


def test_other_architecture_is_named(tmp_path: Path) -> None:
    elf = bytearray(library.checked_path().read_bytes())
    for machine, bits, name in ((183, 2, "aarch64"), (62, 2, "x86-64"), (40, 1, "armv7"), (8, 1, "ELF machine 8")):
        elf[18:20], elf[4] = machine.to_bytes(2, "little"), bits
        elf[32:64] = bytes(32)  # no section table, in either width
        (tmp_path / "other.so").write_bytes(elf)
        expected = library.running_architecture()
        if name == expected:
            continue
        with pytest.raises(BitmarError, match=f"built for {name}.*expected {expected}"):
            library.check_architecture(tmp_path / "other.so")


@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-gcc"), reason="needs gcc-aarch64-linux-gnu")
def test_a_cross_compiled_library_is_refused_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "aarch64-linux-gnu-gcc")
    path = build.build(tmp_path / "arm.so")
    assert "built for aarch64, expected" in message(path)


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(BitmarError, match=r"libbitmar\.so: false failed"):
        build.build(tmp_path / "new.so")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BitmarError, match="'no-such-compiler' not found"):
        build.build(tmp_path / "new.so")


def test_the_library_tells_which_ops_it_runs() -> None:
    assert library.known_ops() == {name: op.version for name, op in ops().items()}


def test_only_the_public_names_are_exported() -> None:
    table = subprocess.run(["nm", "-D", "--defined-only", library.checked_path()], capture_output=True, text=True)
    names = {line.split()[-1].split("@")[0] for line in table.stdout.splitlines()}
    assert {"tflite_plugin_create_delegate", "bm_isa", "bm_op_name", "ms_open", "bpe_open", "pic_prepare"} <= names
    assert all(re.match(r"(tflite_plugin_|bm_|ms_|bpe_|pic_)", name) for name in names)
