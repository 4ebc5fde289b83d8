"""Does a model fit a board? Flash and RAM by part, measured on the linked firmware, against the limits in boards/*.yaml."""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from deploy.firmware import (
    CONSTANT_SECTIONS,
    TEXT_SECTIONS,
    Firmware,
    code_bytes,
    ram_bytes,
    sections_bytes,
    symbols,
)
from deploy.targets import BOARDS, board_names

KEYS = {"name", "environment", "processor", "flash_code", "flash_model", "ram", "ram_external", "card"}
OPTIONAL = {"flash_shared", "code_bank", "library_flash", "library_code", "library_ram"}
BAR = 30
ENGINE_RAM = ("bitmar_arena",)
MEMORY_RAM = ("memory_buffer",)  # card.cpp: index, hot slots and sector buffers of memstore
CONSOLE_RAM = ("line_buffer", "answer", "bytes", "picture", "report_text")
BOARD_RAM = ("libraries", "code", "constants")  # beside the application's own
# TensorFlow Lite Micro comes from PlatformIO's registry. Linked by hand on 2026-11-26 (environment qemu_cortex_m7_tflm, the
# pinned library 2.0.0 from its repository, GCC 12.2, error texts stripped, ultra_tiny with its eye), the firmware was this much
# larger than aot's: 150,296 bytes of code and constants instead of 109,844, which has the kernels of the plan's layouts alone; of
# RAM beside arenas and stack 49,840 instead of 44,112.
TFLM_CODE = 150_296 - 109_844
TFLM_RAM = 49_840 - 44_112


@dataclass(frozen=True)
class Board:
    """A board's limits in bytes.

    Attributes:
      flash_shared: code and model lie in the same flash.
      ram: where variables and the stack must fit.
      code_bank: code runs from that RAM too and takes it in banks of so many bytes, constants lie there as well; 0: both
        stay in flash.
      library_flash, library_code, library_ram: what the board's own core and libraries add to flash, to code and to RAM.
    """

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
    code_bank: int = 0
    library_flash: int = 0
    library_code: int = 0
    library_ram: int = 0


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
    """The firmware's own `bench` after a lesson and a question: the painted stack shows how deep it ever was.

    A firmware built without a tokenizer (sizes of a configuration whose vocabulary is not here) takes no lesson.
    """
    import numpy as np

    from deploy.board.console import picture_line
    from deploy.board.link import open_emulator

    with tempfile.TemporaryDirectory() as card, contextlib.closing(open_emulator(firmware.elf, Path(card))) as link:
        link.wait_ready()
        picture = picture_line(np.arange(768) % 255 - 127, 0.02)
        texts = [f"teach {picture} thing", 'say "thing"'] if firmware.plan["tokenizer_bytes"] else []
        for line in [*texts, f"ask {picture}", "mem verify", "mem history", "bench 4"]:
            link.send(f"!{line}")
            answer = checked(line.split()[0], link.read_answer())
    return answer


def checked(word: str, answer: str) -> dict[str, Any]:
    """A board's JSON answer; BitmarError where it is none or an error: a probe that fails measures too little stack."""
    try:
        fields = json.loads(answer)
    except ValueError:
        raise BitmarError(f"the emulated firmware, {word}: {answer.strip()[-200:]!r}, expected JSON") from None
    if "error" in fields:
        raise BitmarError(f"the emulated firmware, {word}: {fields['error']}")
    return fields


def aot_report(firmware: Firmware, measured: dict[str, Any], board: Board) -> dict[str, Any]:
    """What the linked firmware takes, by part."""
    found = symbols(firmware.elf)
    arena = sum(found.get(name, 0) for name in ENGINE_RAM)
    memory = sum(found.get(name, 0) for name in MEMORY_RAM)
    ram = {
        "arena": arena,
        "stack": measured["stack_size"],
        "hot_slots": measured["hot_bytes"],
        "index": measured["memory_bytes"] - measured["hot_bytes"],
        "memory_spare": memory - measured["memory_bytes"],
        "console": sum(found.get(name, 0) for name in CONSOLE_RAM),
    }
    ram["other"] = ram_bytes(firmware.elf) - sum(ram.values())
    report = {
        "engine": "aot",
        "flash_weights": firmware.plan["weights_bytes"] + firmware.plan["cohort_bytes"],
        "flash_eye": eye_of(firmware)["constants_bytes"],  # among the weights
        "flash_tokenizer": firmware.plan["tokenizer_bytes"],
        "flash_code": code_bytes(firmware.elf) + board.library_flash,
        "stack_used": measured["stack_used"],
        "card": measured["card_bytes"],
        "arena_lower_bound": firmware.plan["arena_lower_bound"],
        "measured": True,
    }
    return finished(report, ram, firmware, 0, board)


def eye_of(firmware: Firmware) -> dict[str, Any]:
    """Arena and constants of the vision network; zeros where the model has none."""
    return firmware.plan.get("vision", {"arena_bytes": 0, "constants_bytes": 0})


def tflm_report(aot: dict[str, Any], firmware: Firmware, arena: int | None, board: Board) -> dict[str, Any]:
    """What TensorFlow Lite Micro would take: its arena by bisection on this machine, the rest as noted above."""
    ram = {name: size for name, size in aot["ram"].items() if name not in BOARD_RAM}
    ram["arena"] = arena if arena is not None else 0
    ram["other"] += TFLM_RAM
    eye = eye_of(firmware)
    ram["eye"] = eye["arena_bytes"]  # C there too, but in an arena of its own
    files = sum(graph["file_bytes"] for graph in firmware.plan["graphs"].values())
    report = {
        "engine": "tflm",
        "flash_weights": files + eye["constants_bytes"] + firmware.plan["cohort_bytes"],
        "flash_eye": eye["constants_bytes"],
        "flash_tokenizer": aot["flash_tokenizer"],
        "flash_code": aot["flash_code"] + TFLM_CODE,
        "measured": False,
        "arena_note": "found by bisection on a 64-bit host: an upper bound for the 32-bit board"
        if arena is not None
        else "unknown: pip install tflite-micro measures it",
    }
    report = finished(report, ram, firmware, TFLM_CODE, board)
    return report | {"fits": arena is not None and report["fits"]}


def finished(
    report: dict[str, Any], ram: dict[str, int], firmware: Firmware, more_code: int, board: Board
) -> dict[str, Any]:
    """The report with its RAM: that of the application and what the board adds (BOARD_RAM)."""
    if board.library_ram:
        ram["libraries"] = board.library_ram
    if board.code_bank:
        code = sections_bytes(firmware.elf, TEXT_SECTIONS) + board.library_code + more_code
        ram["code"] = -(-code // board.code_bank) * board.code_bank
        ram["constants"] = sections_bytes(firmware.elf, CONSTANT_SECTIONS)
    report |= {"ram_total": sum(ram.values()), "ram": ram}
    return report | {"fits": fits(report, board)}


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
        f"  weights {report['flash_weights']:,} ({report['flash_eye']:,} the eye's), "
        f"tokenizer {report['flash_tokenizer']:,}, code {report['flash_code']:,}"
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
