"""Finds and loads libbitmar.so."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from functools import cache
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.native import build

# e_machine of the ELF header (System V ABI) by (machine, bits)
MACHINES = {(62, 64): "x86-64", (3, 32): "x86", (183, 64): "aarch64", (40, 32): "armv7", (243, 64): "riscv64"}


def library_path() -> Path:
    """$BITMAR_LIBRARY, or the file in the installed package, or the one built from this checkout."""
    if named := os.environ.get("BITMAR_LIBRARY"):
        return Path(named)
    if build.has_sources():
        return build.cached()
    return build.NATIVE / build.NAME


def elf_architecture(path: Path) -> str:
    """The architecture that an ELF file is for, e.g. "aarch64".

    Raises:
      BitmarError: no such file, not ELF, or cut short (the loader would crash on it).
    """
    try:
        with path.open("rb") as file:
            header = file.read(64)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read ({error.strerror}), expected {build.NAME}") from error
    if len(header) < 64 or header[:4] != b"\x7fELF":
        raise BitmarError(f"{path}: not a shared object (no ELF header)")
    order = "<" if header[5] == 1 else ">"
    bits = {1: 32, 2: 64}.get(header[4], 0)
    (machine,) = struct.unpack_from(f"{order}H", header, 18)
    (sections,) = (
        struct.unpack_from(f"{order}Q", header, 40) if bits == 64 else struct.unpack_from(f"{order}I", header, 32)
    )
    entry_size, entries = struct.unpack_from(f"{order}HH", header, 58 if bits == 64 else 46)
    if sections + entry_size * entries > size:
        raise BitmarError(f"{path}: cut short: {size} bytes, expected {sections + entry_size * entries}")
    return MACHINES.get((machine, bits), f"ELF machine {machine}, {bits} bit")


def running_architecture() -> str:
    """The architecture of this Python (on a 64-bit kernel, Python may be 32-bit)."""
    return elf_architecture(Path(sys.executable).resolve())


def check_architecture(path: Path) -> None:
    """Raises BitmarError, with both architectures' names, where this Python cannot load the file."""
    found, expected = elf_architecture(path), running_architecture()
    if found != expected:
        raise BitmarError(f"{path}: built for {found}, expected {expected} (this machine's Python)")


@cache
def checked_path() -> Path:
    """Path of a libbitmar.so that this Python can load."""
    path = library_path()
    check_architecture(path)
    return path


@cache
def load() -> ctypes.CDLL:
    """libbitmar.so as a ctypes library.

    Raises:
      BitmarError: missing, for another architecture, or not loadable (the loader's reason).
    """
    path = checked_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise BitmarError(f"{path}: {error}") from error
    library.bm_isa.restype = ctypes.c_char_p
    library.bm_op_name.restype = ctypes.c_char_p
    return library


def known_ops() -> dict[str, int]:
    """The BITMAR_* ops that libbitmar.so runs, each with its version (ops/include/bitmar_ops.def), in its order."""
    library = load()
    ops: dict[str, int] = {}
    while (name := library.bm_op_name(len(ops))) is not None:
        ops[name.decode()] = library.bm_op_version(len(ops))
    return ops
