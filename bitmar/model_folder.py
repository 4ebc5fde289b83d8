"""A converted model: a folder with model.json, the flatbuffers and the tokenizer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from bitmar.native import library

FORMAT = 1
GRAPHS = ("encoder.tflite", "recall.tflite", "decoder.tflite")
NEEDED_FILES = (*GRAPHS, "tokenizer.bin")


@dataclass(frozen=True)
class ModelFolder:
    """What model.json says, checked. Sizes are in elements."""

    path: Path
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
    description = read_description(path / "model.json")
    check_ops(description["ops"], path / "model.json")
    check_files(path, description["files"])
    memory, cache, special = description["memory"], description["cache"], description["special_tokens"]
    return ModelFolder(
        path=path,
        name=description["name"],
        model_hash=parse_hash(description["model_hash"], path / "model.json"),
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


# keys of model.json that the app reads, by section
KEYS = {
    "": ("name", "config", "files", "ops", "model_hash", "special_tokens", "memory", "cache"),
    "config": ("max_seq_len",),
    "special_tokens": ("pad", "bos", "eos"),
    "memory": ("slots", "dim", "hot", "alpha", "merge_threshold", "top_k", "slot_dtype"),
    "cache": ("window", "sinks"),
}


def read_description(file: Path) -> dict[str, Any]:
    """model.json as a dictionary that has all of KEYS."""
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BitmarError(f"{file}: cannot be read ({error.strerror}), expected a converted model") from error
    except ValueError as error:
        raise BitmarError(f"{file}: not JSON ({error})") from error
    found = description.get("format") if isinstance(description, dict) else None
    if found != FORMAT:
        raise BitmarError(f"{file}: format {found!r}, expected {FORMAT}")
    for section, keys in KEYS.items():
        table = description[section] if section else description
        for key in keys:
            if not isinstance(table, dict) or key not in table:
                raise BitmarError(f"{file}: key {f'{section}.{key}' if section else key!r} is missing")
    return description


def check_ops(ops: dict[str, int], file: Path) -> None:
    """BitmarError for an op, or a version of one, that libbitmar.so does not know."""
    known = library.known_ops()
    for op, version in ops.items():
        if op not in known:
            raise BitmarError(f"{file}: op {op} is unknown to this program, expected one of {', '.join(known)}")
        if version != known[op]:
            raise BitmarError(f"{file}: op {op} has version {version}, expected {known[op]}")


def check_files(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    """BitmarError for a file that is needed and not listed, or listed and not as it was written."""
    for name in NEEDED_FILES:
        if name not in files:
            raise BitmarError(f"{folder / 'model.json'}: {name} is not listed under 'files'")
    for name, expected in files.items():
        check_file(folder / name, expected)


def check_file(file: Path, expected: dict[str, Any]) -> None:
    """BitmarError unless the file has the size and the sha256 that model.json says."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BitmarError(f"{file}: cannot be read ({error.strerror}), model.json lists it") from error
    if len(data) != expected["bytes"]:
        raise BitmarError(f"{file}: {len(data)} bytes, expected {expected['bytes']} (model.json)")
    if hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise BitmarError(f"{file}: its sha256 is not the one in model.json: the file was changed")


def parse_hash(text: str, file: Path) -> bytes:
    """The 8 bytes of a model hash."""
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        value = b""
    if len(value) != 8:
        raise BitmarError(f"{file}: model_hash {text!r}, expected 16 hexadecimal digits")
    return value
