#!/usr/bin/env python3
"""Instructions per token and per recall on the emulated Cortex-M7, and what the firmware takes of flash and RAM.

    python benchmarks/mcu.py [--tokens N] [--json]

Instructions are exact and repeatable (QEMU's -icount); they are not cycles: no dual issue, no cache, no flash wait states.
ultra_tiny is the demo's model, or that of the tests, with and without its eye; tiny_edge is the shipped one.
Writes benchmarks/results/mcu.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MACHINE = ROOT / "mcu_app" / "platforms" / "qemu_cortex_m7" / "support" / "common"
COUNTED = ("ask", "ask_tokens", "encode", "memory", "recall", "start", "per_token", "most_per_token")
TEXT = 6  # tokens of the text that is encoded with the picture
SIZES = (
    "flash_weights",
    "flash_tokenizer",
    "flash_code",
    "ram_total",
    "ram",
    "stack_used",
    "card",
    "arena_lower_bound",
)


def engine_program(name: str, plan: Path) -> Path:
    """benchmarks/NAME.c with the ahead-of-time engine for what convert/aot wrote into `plan`."""
    from tests.kernels.build import KERNEL_SOURCES, TARGETS, compile_to

    sources = [ROOT / "benchmarks" / f"{name}.c", ROOT / "mcu_app" / "src" / "engine_aot" / "engine_aot.c"]
    sources += [MACHINE / "clock.c", plan / "bitmar_model.c", plan / "bitmar_model_data.S", *KERNEL_SOURCES]
    flags = [
        f"-I{plan}",
        f"-I{MACHINE}",
        f"-I{ROOT / 'mcu_app' / 'include'}",
        f"-Wa,-I{plan}",
        "-DBITMAR_MODEL_SECTION=.rodata.bitmar",
    ]
    return compile_to(name, TARGETS["cortex-m7"], sources, flags)


def encode_text(firmware: Any, tokens: int) -> int:
    """Instructions of encoding a picture and a text of `tokens` tokens by the firmware's plan (benchmarks/engine_count.c)."""
    from tests.kernels.build import TARGETS

    program = engine_program("engine_count", firmware.elf.parent / "model")
    return int(TARGETS["cortex-m7"].run(program, str(tokens)))


def measure(model: Path, tokens: int) -> dict[str, Any]:
    """One model: counts, sizes of both engines."""
    from deploy import fit, flash
    from deploy.firmware import build
    from deploy.report.board import bench

    report = flash.measure(model, fit.load_board("qemu"))
    firmware = build(model)
    counts = bench(firmware, tokens, slots=4)
    return {
        "model": report["model"],
        "isa": counts["isa"],
        "tokens": tokens,
        "instructions": {name: counts[name] for name in COUNTED} | {"encode_text": encode_text(firmware, TEXT)},
        "aot": {name: report["engines"]["aot"][name] for name in SIZES},
        "tflm": {name: report["engines"]["tflm"][name] for name in ("flash_weights", "flash_code", "ram_total", "ram")},
    }


def lines(rows: list[dict[str, Any]]) -> str:
    """A Markdown table."""
    out = [
        "| | " + " | ".join(row["model"].removeprefix("bitmar_") for row in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    table = [
        ("instructions: encode a picture", lambda r: r["instructions"]["encode"]),
        (f"instructions: encode a picture and {TEXT} tokens", lambda r: r["instructions"]["encode_text"]),
        ("instructions: ask, whole: the picture of a taught thing", lambda r: r["instructions"]["ask"]),
        ("of it tokens decoded: its name", lambda r: r["instructions"]["ask_tokens"]),
        ("instructions: search the memory", lambda r: r["instructions"]["memory"]),
        ("instructions: read-out (recall)", lambda r: r["instructions"]["recall"]),
        ("instructions: begin a stream", lambda r: r["instructions"]["start"]),
        ("instructions: a token, on average", lambda r: r["instructions"]["per_token"]),
        ("instructions: a token, at most (a full window)", lambda r: r["instructions"]["most_per_token"]),
        ("weights in flash, bytes", lambda r: r["aot"]["flash_weights"]),
        ("tokenizer in flash, bytes", lambda r: r["aot"]["flash_tokenizer"]),
        ("code, bytes", lambda r: r["aot"]["flash_code"]),
        ("RAM in all, bytes", lambda r: r["aot"]["ram_total"]),
        ("of it the arena, bytes", lambda r: r["aot"]["ram"]["arena"]),
        ("stack: most in use, bytes", lambda r: r["aot"]["stack_used"]),
        ("RAM with TFLM instead (estimate)", lambda r: r["tflm"]["ram_total"]),
    ]
    return "\n".join([*out, *(f"| {name} | " + " | ".join(f"{get(r):,}" for r in rows) + " |" for name, get in table)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=96, help="length of the stream: a window and a half")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from deploy.models import pick_model
    from deploy.report.board import without_eye

    shipped = pick_model(None)
    with tempfile.TemporaryDirectory() as folder:
        blind = measure(without_eye(shipped, Path(folder)), args.tokens)
    blind["model"] += ", no eye"
    edge = pick_model(Path("tiny_edge"))
    rows = [measure(shipped, args.tokens), blind, measure(edge, args.tokens)]
    out = ROOT / "benchmarks" / "results" / "mcu.json"
    out.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows) if args.json else lines(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
