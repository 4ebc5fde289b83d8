#!/usr/bin/env python3
"""Ternary layers beside CMSIS-NN's int8 ones on the emulated Cortex-M7: instructions and bytes for a multiply-accumulate.

    python benchmarks/kernels_m7.py

Instructions are exact counts (QEMU's -icount) of whole layers: quantising the token, the product, scaling the sums (CMSIS-NN:
requantising them). They are not cycles. CMSIS-NN's C comes from PyPI's bakenn wheel (benchmarks/cmsis.py). Writes
benchmarks/results/kernels_m7.json, the tables of docs/microcontroller.md and docs/roofline_m7.png.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cmsis import cmsis_nn  # noqa: E402
from bitmar.errors import BitmarError  # noqa: E402
from convert.aot.repack import COST  # noqa: E402
from convert.layouts import LAYOUTS, packed_bytes  # noqa: E402
from tests.kernels.build import TARGETS, compile_to, program  # noqa: E402

SHAPES = [(512, 128), (128, 512), (4096, 128), (128, 128)]  # [rows, cols]: up, down, a piece of the head, attention
NAMES = {"b3": "b3, 1.6 bits", "c5": "c5, 1.6 bits", "rm2": "rm2, 2 bits", "pl14": "pl14, 2 bits"}
INT8 = "CMSIS-NN, int8"
M7 = TARGETS["cortex-m7"]
PAGE = ROOT / "docs" / "microcontroller.md"
PLOT = ROOT / "docs" / "roofline_m7.png"
# cycles for a byte at 600 MHz: a 133 MHz quad flash reads 66 MB/s, tightly coupled memory gives 8 bytes a cycle
MEMORIES = {"quad-SPI flash, 66 MB/s": 9.0, "tightly coupled RAM, 4.8 GB/s": 0.125}


def count(op: str, layout: str, rows: int, cols: int, tokens: int) -> int:
    """Instructions of one call of benchmarks/kernels_count.c."""
    elf = program("kernels_count", M7, folder=ROOT / "benchmarks")
    return int(M7.run(elf, "dsp", op, str(LAYOUTS[layout]), str(rows), str(cols), str(tokens), "1"))


def count_int8(rows: int, cols: int) -> int:
    """Instructions of CMSIS-NN's layer."""
    vendor = cmsis_nn()
    source = vendor / "cmsis_nn" / "Source"
    sources = [
        ROOT / "benchmarks" / "kernels_cmsis.c",
        source / "FullyConnectedFunctions" / "arm_fully_connected_s8.c",
        source / "NNSupportFunctions" / "arm_nn_vec_mat_mult_t_s8.c",
    ]
    flags = [f"-I{vendor / 'cmsis_nn' / 'Include'}", f"-I{vendor / 'cmsis_core' / 'Include'}", "-std=gnu11", "-w"]
    return int(M7.run(compile_to("kernels_cmsis", M7, sources, flags), str(rows), str(cols)))


def measure() -> list[dict]:
    """A row for each layer: for a multiply-accumulate instructions, bytes of weights, and the cost model's instructions."""
    found = []
    for rows, cols in SHAPES:
        macs = rows * cols
        row = {"rows": rows, "cols": cols, "tokens": 1}
        found.append(row | {"kernel": "int8", "instructions": round(count_int8(rows, cols) / macs, 4), "bytes": 1.0})
        for layout in NAMES:
            size, quantise = packed_bytes(layout, rows, cols), count("quantise", layout, rows, cols, 1)
            for tokens in (1, 2):
                instructions = count("fc", layout, rows, cols, tokens)
                made = {
                    "kernel": layout,
                    "instructions": round(instructions / macs / tokens, 4),
                    "without_quantisation": round((instructions - tokens * quantise) / macs / tokens, 4),
                    "bytes": round(size / macs / tokens, 4),
                }
                if tokens == 1:
                    per_weight, per_col, per_row = COST[layout]
                    made["model"] = round(per_weight + per_col / rows + per_row / cols, 4)
                found.append(row | {"tokens": tokens} | made)
    return found


def tables(found: list[dict]) -> str:
    """The rows as Markdown."""

    def line(name: str, kernel: str, tokens: int, key: str) -> str:
        numbers = [r[key] for r in found if (r["kernel"], r["tokens"]) == (kernel, tokens)]
        return f"| {name} | " + " | ".join(f"{number:.2f}" for number in numbers) + " |"

    head = ["| | " + " | ".join(f"{cols} to {rows:,}" for rows, cols in SHAPES) + " |", "|---|---:|---:|---:|---:|"]
    lines = [*head, line(INT8, "int8", 1, "instructions")]
    for layout, name in NAMES.items():
        lines.append(line(name, layout, 1, "instructions"))
        lines.append(line("the generator's cost model for it", layout, 1, "model"))
    for layout in ("c5", "pl14"):
        lines.append(line(f"{NAMES[layout]}, two tokens at once, each", layout, 2, "instructions"))
        lines.append(line("without their quantisation", layout, 2, "without_quantisation"))
    return "\n".join(lines)


def draw(found: list[dict], path: Path) -> None:
    """Instructions against bytes; left of a memory's line its bandwidth is not the limit."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 5.5), layout="constrained")
    axes.set(xscale="log", yscale="log", xlim=(0.08, 1.4), ylim=(0.1, 12))
    axes.set(xlabel="bytes of weights read for a multiply-accumulate", ylabel="instructions for a multiply-accumulate")
    for (name, cycles), style in zip(MEMORIES.items(), ("-", "--"), strict=True):
        ends = [0.08, 1.4]
        axes.plot(ends, [cycles * b for b in ends], style, color="gray", label=f"limit of {name}")
    axes.fill_between([0.08, 1.4], [9 * 0.08, 9 * 1.4], 0.01, color="gray", alpha=0.08)
    axes.text(0.42, 0.5, "read from quad-SPI flash:\nthe bytes decide", color="dimgray")
    axes.text(0.085, 6.5, "the instructions decide", color="dimgray")
    colours = dict(zip(["int8", *NAMES], ("C3", "C4", "C0", "C1", "C2"), strict=True))
    for kernel, colour in colours.items():
        for tokens, marker in ((1, "o"), (2, "^")):
            rows = [r for r in found if (r["kernel"], r["tokens"]) == (kernel, tokens)]
            name = NAMES.get(kernel, INT8) + (", two tokens" if tokens == 2 else "")
            axes.plot([r["bytes"] for r in rows], [r["instructions"] for r in rows], marker, color=colour,
                      label=name if rows else None)  # fmt: skip
    axes.set_title("A layer on a 600 MHz Cortex-M7, one instruction a cycle assumed")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> int:
    """Measures, writes the figures; returns the exit code."""
    try:
        found = measure()
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(tables(found))
    page = PAGE.read_text(encoding="utf-8")
    new = re.sub(r"(?<=<!-- kernels_m7 -->\n)[^<]*(?=<!-- end -->)", lambda _: tables(found) + "\n", page)
    PAGE.write_text(new, encoding="utf-8")
    draw(found, PLOT)
    out = ROOT / "benchmarks" / "results" / "kernels_m7.json"
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
