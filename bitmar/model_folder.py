"""A converted model: a folder with model.json, the flatbuffers and the tokenizer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from bitmar.model_format import FILE, GRAPHS, read_description
from bitmar.native import library
from bitmar.sha256 import sha256

BLOCK = 1 << 16  # bytes
NEEDED_FILES = (*GRAPHS, "tokenizer.bin")


@dataclass(frozen=True)
class ModelFolder:
    """What model.json says, checked. Sizes are in elements."""

    path: Path
    files: tuple[str, ...]  # names of all files beside model.json, without folders
    name: str
    model_hash: bytes  # 8 bytes: the card belongs to the model that wrote it
    config: dict[str, Any]
    max_tokens: int  # T: tokens of a name, and of an answer
    window: int  # W: slots of the decoder's key/value cache
    sinks: int  # cache slots that are never overwritten
    pad: int
    bos: int
    eos: int
    memory_slots: int
    episode_dim: int  # D
    hot_slots: int
    alpha: float
    merge_threshold: float
    top_k: int
    slot_dtype: str
    min_importance: float


def read_model(path: Path) -> ModelFolder:
    """Reads model.json and checks every file that it lists.

    Raises:
      BitmarError: a missing or changed file, an unknown format, an op or op version that libbitmar.so does not know.
    """
    description = read_description(path)
    check_ops(description["ops"], path / FILE)
    check_files(path, description["files"])
    memory, cache, special = description["memory"], description["cache"], description["special_tokens"]
    return ModelFolder(
        path=path,
        files=tuple(description["files"]),
        name=description["name"],
        model_hash=bytes.fromhex(description["model_hash"]),
        config=description["config"],
        max_tokens=description["config"]["max_seq_len"],
        window=cache["window"],
        sinks=cache["sinks"],
        pad=special["pad"],
        bos=special["bos"],
        eos=special["eos"],
        memory_slots=memory["slots"],
        episode_dim=memory["dim"],
        hot_slots=memory["hot"],
        alpha=memory["alpha"],
        merge_threshold=memory["merge_threshold"],
        top_k=memory["top_k"],
        slot_dtype=memory["slot_dtype"],
        min_importance=description["config"].get("min_importance", 0.0),
    )


def check_ops(ops: dict[str, int], file: Path) -> None:
    """BitmarError for an op, or a version of one, that libbitmar.so does not know."""
    known = library.known_ops()
    for op, version in ops.items():
        if op not in known:
            raise BitmarError(f"{file}: op {op} is unknown to this program, expected one of {', '.join(known)}")
        if version != known[op]:
            raise BitmarError(f"{file}: op {op} has version {version}, expected {known[op]}")


def check_files(folder: Path, files: dict[str, dict[str, Any]], needed: Iterable[str] = NEEDED_FILES) -> None:
    """BitmarError for a file that is needed and not listed, or listed and not as it was written."""
    for name in needed:
        if name not in files:
            raise BitmarError(f"{folder / FILE}: {name} is not listed under 'files'")
    for name, expected in files.items():
        check_file(folder / name, expected)


def check_file(file: Path, expected: dict[str, Any]) -> None:
    """BitmarError unless the file has the size and the sha256 that model.json says."""
    try:
        with open(file, "rb", opener=without_waiting) as stream:
            status = os.fstat(stream.fileno())  # before it is read: it may be anything
            if not stat.S_ISREG(status.st_mode):
                raise BitmarError(f"{file}: not a file, model.json lists it")
            if status.st_size != expected["bytes"]:
                raise BitmarError(f"{file}: {status.st_size} bytes, expected {expected['bytes']} (model.json)")
            digest = sha256()
            while block := stream.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise BitmarError(f"{file}: cannot be read ({error.strerror}), model.json lists it") from error
    if digest.hexdigest() != expected["sha256"]:
        raise BitmarError(f"{file}: its sha256 is not the one in model.json: the file was changed")


def without_waiting(path: str, flags: int) -> int:
    """An opener that does not wait for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
