"""Writes a converted model: a folder with the flatbuffers, the tokenizer, model.json and report.json."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from bitmar.model_format import FILE, FORMAT, check_description
from convert.converter import convert
from convert.graphs import decoder, encoder, recall
from convert.op_table import ops
from convert.reader import is_custom, op_name, parse, ternary_matrices
from convert.report import size_report
from convert.tokenizer_table import write_table
from model.bitmar import BitMar
from model.config import BitMarConfig

MARK = FILE  # a folder with this file is a model and may be replaced


def model_hash(models: Iterable[Any]) -> str:
    """16 hex digits: the beginning of SHA-256 over all ternary codes and scales in graph order.

    Codes as int8 [rows, cols], scales as little-endian float32: so it does not depend on the packing. A card carries it.
    """
    digest = hashlib.sha256()
    for model in models:
        for matrix in ternary_matrices(model):
            digest.update(matrix.codes.tobytes())
            digest.update(matrix.gamma.astype("<f4").tobytes())
    return digest.digest()[:8].hex()


def description(config: BitMarConfig, files: dict[str, bytes], models: dict[str, Any], report: dict) -> dict[str, Any]:
    """model.json."""
    used = {
        op_name(model, op) for model in models.values() for op in model.subgraphs[0].operators if is_custom(model, op)
    }
    return {
        "format": FORMAT,
        "name": config.name,
        "config": config.as_dict(),
        "sizes": report["totals"],
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in files.items()
        },
        "ops": {name: ops()[name].version for name in sorted(used)},
        "model_hash": model_hash(models.values()),
        "special_tokens": {"pad": config.pad_id, "bos": config.bos_id, "eos": config.eos_id},
        "temperature": config.memory_temperature,
        "memory": {
            "slots": config.memory_slots,
            "dim": config.episode_dim,
            "hot": config.max_memory_slots_in_ram,
            "alpha": config.memory_alpha,
            "merge_threshold": config.merge_threshold,
            "top_k": config.memory_top_k,
            "slot_dtype": config.slot_dtype,
        },
        "cache": {"window": config.max_seq_len, "sinks": config.attention_sinks},
    }


def write_model(
    model: BitMar,
    tokenizer: Path | None,
    vision: Path | None,
    out: Path,
    refusal: tuple[Path, ...] = (),
    cache: str = "int8",
    device_only: bool = False,
) -> dict[str, Any]:
    """Convert a model into folder `out`, which appears (or is replaced) only when it is complete.

    Args: tokenizer: its tokenizer.json; vision: its vision.tflite, vision.bin beside it; None leaves the file out; refusal: the
        run's refusal.json and cohort.bin; cache: what the decoder's key/value caches hold, "int8" or "float32"; device_only:
        without tokenizer.json, which no device reads.
    Returns: the size report.
    Raises: BitmarError: `out` is something other than a converted model, a file cannot be read or written.
    """
    check_replaceable(out)
    config = model.config
    specs = encoder(model), recall(model), decoder(model, cache=cache)
    graphs = {f"{spec.name}.tflite": convert(spec) for spec in specs}
    parsed = {name: parse(blob, name) for name, blob in graphs.items()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
            folder = Path(temporary) / "model"
            folder.mkdir()
            files = dict(graphs)
            if vision:
                files["vision.tflite"] = vision.read_bytes()
                files["vision.bin"] = vision.with_suffix(".bin").read_bytes()
            files |= {file.name: file.read_bytes() for file in refusal}
            if tokenizer:
                if not device_only:
                    files["tokenizer.json"] = tokenizer.read_bytes()
                write_table(tokenizer, folder / "tokenizer.bin", config.pad_id, config.bos_id, config.eos_id)
                files["tokenizer.bin"] = (folder / "tokenizer.bin").read_bytes()
            report = size_report(config.name, parsed, {name: len(content) for name, content in files.items()})
            for name, content in files.items():
                (folder / name).write_bytes(content)
            write_json(folder / "report.json", report)
            about = description(config, files, parsed, report)
            write_json(folder / MARK, check_description(about, out / MARK))
            move_into_place(folder, out, Path(temporary) / "replaced")
    except OSError as error:
        raise BitmarError(f"{error.filename or out}: {error.strerror}; {out} was not written") from None
    return report


def check_replaceable(out: Path) -> None:
    """Only an empty folder or a converted model is ever replaced."""
    if out.exists() and not (out / MARK).exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BitmarError(f"{out}: exists and has no {MARK}; expected a new folder or a converted model to replace")


def write_json(path: Path, value: Any) -> None:
    """JSON for people too: indented, with a newline at the end."""
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def move_into_place(folder: Path, out: Path, replaced: Path) -> None:
    """Rename; a former model at `out` moves aside first and back if the rename fails."""
    if out.exists():
        out.rename(replaced)
    try:
        folder.rename(out)
    except OSError:
        if replaced.exists():
            replaced.rename(out)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
