"""Does a model fit a board? Flash and RAM by part, measured on the linked firmware, against the limits in boards/*.yaml."""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from deploy.firmware import Firmware, code_bytes, ram_bytes, symbols
from deploy.targets import BOARDS, board_names

KEYS = {"name", "environment", "processor", "flash_code", "flash_model", "ram", "ram_external", "card"}
OPTIONAL = {"flash_shared"}
BAR = 30
ENGINE_RAM = ("bitmar_arena",)
MEMORY_RAM = ("memory_buffer",)  # card.cpp: index, hot slots and sector buffers of memstore
CONSOLE_RAM = ("line_buffer", "answer", "bytes", "picture")
# TensorFlow Lite Micro comes from PlatformIO's registry. Linked once with its sources of August 2026 (GCC 12.2, -Os), the
# firmware was this much larger: interpreter, allocator, planner, seven builtin ops, flatbuffer reader, the BITMAR_* wrappers
TFLM_CODE = 23_300


@dataclass(frozen=True)
class Board:
    """A board's limits in bytes. `flash_shared`: code and model lie in the same flash."""

    key: str
    name: str
    environment: str | None
    processor: str
    flash_code: int
    flash_model: int
    ram: int
    ram_external: int
    card: str
    flash_shared: bool = False


def load_board(key: str) -> Board:
    """boards/KEY.yaml.

    Raises:
      BitmarError: no such board, a key that is unknown or missing.
    """
    import yaml

    path = BOARDS / f"{key}.yaml"
    if not path.is_file():
        raise BitmarError(f"board {key!r} is unknown, expected one of {', '.join(board_names())}")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown, missing = set(content) - KEYS - OPTIONAL, KEYS - set(content)
    if unknown or missing:
        raise BitmarError(f"{path}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}")
    return Board(key=key, **content)


def run_on_emulator(firmware: Firmware) -> dict[str, Any]:
    """The firmware's own `bench` after a lesson and a question: the painted stack shows how deep it ever was."""
    import numpy as np

    from deploy.board.console import picture_line
    from deploy.board.link import open_emulator

    with tempfile.TemporaryDirectory() as card, contextlib.closing(open_emulator(firmware.elf, Path(card))) as link:
        link.wait_ready()
        picture = picture_line(np.arange(768) % 255 - 127, 0.02)
        for line in (
            f"!teach {picture} thing",
            f"!ask {picture}",
            '!say "thing"',
            "!mem verify",
            "!mem snapshot",
            "!bench 4",
        ):
            link.send(line)
            answer = json.loads(link.read_answer())
    if "error" in answer:
        raise BitmarError(f"the emulated firmware: {answer['error']}")
    return answer


def aot_report(firmware: Firmware, measured: dict[str, Any], board: Board) -> dict[str, Any]:
    """What the linked firmware takes, by part."""
    found = symbols(firmware.elf)
    arena = sum(found.get(name, 0) for name in ENGINE_RAM)
    memory = sum(found.get(name, 0) for name in MEMORY_RAM)
    console = sum(found.get(name, 0) for name in CONSOLE_RAM)
    total = ram_bytes(firmware.elf)
    ram = {
        "arena": arena,
        "stack": measured["stack_size"],
        "hot_slots": measured["hot_bytes"],
        "index": measured["memory_bytes"] - measured["hot_bytes"],
        "memory_spare": memory - measured["memory_bytes"],
        "console": console,
    }
    ram["other"] = total - sum(ram.values())
    report = {
        "engine": "aot",
        "flash_weights": firmware.plan["weights_bytes"],
        "flash_tokenizer": firmware.plan["tokenizer_bytes"],
        "flash_code": code_bytes(firmware.elf),
        "ram_total": total,
        "ram": ram,
        "stack_used": measured["stack_used"],
        "card": measured["card_bytes"],
        "arena_lower_bound": firmware.plan["arena_lower_bound"],
        "measured": True,
    }
    return report | {"fits": fits(report, board)}


def tflm_report(aot: dict[str, Any], firmware: Firmware, arena: int | None, board: Board) -> dict[str, Any]:
    """What TensorFlow Lite Micro would take: its arena by bisection on this machine, its code as noted above."""
    ram = dict(aot["ram"])
    ram["arena"] = arena if arena is not None else 0
    report = {
        "engine": "tflm",
        "flash_weights": sum(graph["file_bytes"] for graph in firmware.plan["graphs"].values()),
        "flash_tokenizer": aot["flash_tokenizer"],
        "flash_code": aot["flash_code"] + TFLM_CODE,
        "ram_total": sum(ram.values()),
        "ram": ram,
        "measured": False,
        "arena_note": "found by bisection on a 64-bit host: an upper bound for the 32-bit board"
        if arena is not None
        else "unknown: pip install tflite-micro measures it",
    }
    return report | {"fits": arena is not None and fits(report, board)}


def fits(report: dict[str, Any], board: Board) -> bool:
    """Flash and RAM within the board's limits."""
    model = report["flash_weights"] + report["flash_tokenizer"]
    if board.flash_shared:
        flash = model + report["flash_code"] <= board.flash_code
    else:
        flash = model <= board.flash_model and report["flash_code"] <= board.flash_code
    return flash and report["ram_total"] <= board.ram


def bar(used: int, limit: int) -> str:
    filled = min(BAR, -(-used * BAR // limit)) if limit else BAR
    return "[" + "#" * filled + "." * (BAR - filled) + "]"


def lines(report: dict[str, Any], board: Board) -> list[str]:
    """The report of one engine for people."""
    model = report["flash_weights"] + report["flash_tokenizer"]
    flash = [("model in flash", model, board.flash_model), ("code in flash", report["flash_code"], board.flash_code)]
    if board.flash_shared:
        flash = [("flash", model + report["flash_code"], board.flash_code)]
    note = "" if report["measured"] else "  (estimated)"
    out = [f"engine {report['engine']} on {board.name}: {'fits' if report['fits'] else 'DOES NOT FIT'}{note}"]
    for name, used, limit in [*flash, ("RAM", report["ram_total"], board.ram)]:
        out.append(f"  {name:15} {bar(used, limit)} {used:>11,} of {limit:>11,} bytes")
    out.append(
        f"  weights {report['flash_weights']:,}, tokenizer {report['flash_tokenizer']:,}, code {report['flash_code']:,}"
    )
    out.append("  RAM: " + ", ".join(f"{name.replace('_', ' ')} {size:,}" for name, size in report["ram"].items()))
    if "card" in report:
        out.append(f"  card: {report['card']:,} bytes for the memory ({board.card})")
    if "stack_used" in report:
        out.append(
            f"  stack: {report['stack_used']:,} bytes in use at most; "
            f"arena: no plan can be smaller than {report['arena_lower_bound']:,}"
        )
    if "arena_note" in report:
        out.append(f"  arena: {report['arena_note']}")
    return out
