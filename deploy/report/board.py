"""A model on the emulated Cortex-M7: exact instructions, and the RAM of its firmware by part."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from deploy import fit
from deploy.board.console import picture_line
from deploy.board.link import open_emulator
from deploy.firmware import Firmware, build
from deploy.report.speed import ANSWER

SLOTS = 4  # things in the memory, all hot
TOKENS = 96  # of the stream that is decoded
ANSWER_PARTS = ("encode", "memory", "recall", "start")  # of a question, beside its tokens
EYE = ("vision.tflite", "vision.bin")


def bench(firmware: Firmware, tokens: int, slots: int) -> dict[str, Any]:
    """The firmware's own `bench` with a full memory in RAM; the last lesson's and one question's instructions and tokens.

    A lesson's are None where the firmware has no vocabulary.
    """
    rng = np.random.default_rng(7)
    with contextlib.closing(open_emulator(firmware.elf)) as link:
        link.wait_ready()
        for i in range(slots):
            picture = picture_line(rng.integers(-127, 128, 768).astype(np.int8), 0.02)
            link.send(f'!teach {picture} "thing {i}"')
            taught = json.loads(link.read_answer())
        link.send(f"!ask {picture}")
        asked = json.loads(link.read_answer())
        link.send(f"!bench {tokens}")
        counts = json.loads(link.read_answer())
    # without data/ a configuration's fresh model has no vocabulary: such a board takes no names
    counts |= {"teach": taught.get("instructions"), "teach_tries": taught.get("tries")}
    return counts | {"ask": asked["instructions"], "ask_tokens": asked["tokens"]}


def without_eye(model: Path, folder: Path) -> Path:
    """The model for a board that gets pictures as 768 numbers: a copy of its folder without the vision network."""
    copy = folder / f"{model.name}_without_eye"
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns(*EYE))
    description = json.loads((copy / "model.json").read_text())
    description["files"] = {name: about for name, about in description["files"].items() if name not in EYE}
    (copy / "model.json").write_text(json.dumps(description))
    return copy


def on_board(model: Path) -> dict[str, Any]:
    """Instructions of the parts of a question, flash and RAM in bytes: of the firmware for the model without its eye.

    Raises:
      BitmarError: a tool is missing, or the model does not fit the emulated board.
    """
    with tempfile.TemporaryDirectory() as folder:
        firmware = build(without_eye(model, Path(folder)))
    sizes = fit.aot_report(firmware, fit.run_on_emulator(firmware), fit.load_board("qemu"))
    counts = bench(firmware, TOKENS, SLOTS)
    parts = (
        "encode",
        "memory",
        "recall",
        "start",
        "per_token",
        "most_per_token",
        "ask",
        "ask_tokens",
        "teach",
        "teach_tries",
    )
    kept = ("flash_weights", "flash_tokenizer", "flash_code", "ram_total", "ram", "stack_used")
    return {"instructions": {name: counts[name] for name in parts}} | {name: sizes[name] for name in kept}


def question(board: dict[str, Any]) -> int:
    """Instructions of a question whose answer has ANSWER tokens, by what on_board counted."""
    counts = board["instructions"]
    return sum(counts[name] for name in ANSWER_PARTS) + ANSWER * counts["per_token"]


def board_ratios(rows: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Instructions of the original over those of tiny_edge, of a token and of a question; empty where one has none."""
    boards = [rows.get(name, {}).get("board") or {} for name in ("original", "tiny_edge")]
    if not all("instructions" in board for board in boards):
        return {}
    original, edge = boards
    token = original["instructions"]["per_token"] / edge["instructions"]["per_token"]
    return {"token": token, "ask": question(original) / question(edge)}
