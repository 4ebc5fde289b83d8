"""Flash, RAM and instructions of MLPerf Tiny's anomaly-detection autoencoder on the emulated Cortex-M7: ternary beside int8.

    python examples/anomaly/train.py
    python benchmarks/anomaly.py [--model build/anomaly] [--out FILE]

The int8 one is TensorFlow Lite's own conversion on CMSIS-NN, whose C sources come from PyPI's bakenn wheel (downloaded to
build/bakenn, not part of this project). Writes benchmarks/results/anomaly.json and the table in docs/own-models.md.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.cmsis import cmsis_nn
from bitmar.errors import BitmarError
from bitmar.runtime import Graph
from examples.anomaly.int8_c import interpreter, run_int8
from tests.kernels.build import KERNEL_SOURCES, TARGETS, compile_to

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "own-models.md"
M7 = TARGETS["cortex-m7"]
FLAGS = ["-std=gnu11", "-w", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,--undefined=vectors"]


def sizes(elf: Path) -> tuple[int, int]:
    """(flash, RAM) of a program: text and data; data and bss."""
    done = subprocess.run(["arm-none-eabi-size", str(elf)], capture_output=True, text=True, check=True)
    text, data, bss = (int(word) for word in done.stdout.splitlines()[1].split()[:3])
    return text + data, data + bss


def measure(model: Path, kind: str | None) -> dict[str, object]:
    """Size and one run of main.c with one of the two, or with neither."""
    sources, flags = [ROOT / "examples" / "anomaly" / "main.c"], [f"-I{model}", *FLAGS]
    if kind:
        sources.append(model / f"{kind}.c")
        flags.append(f"-D{kind.upper()}")
    if kind == "int8":
        vendor = cmsis_nn()
        source = vendor / "cmsis_nn" / "Source"
        sources += [source / "FullyConnectedFunctions" / "arm_fully_connected_s8.c"]
        sources += [source / "NNSupportFunctions" / "arm_nn_vec_mat_mult_t_s8.c"]
        flags += [f"-I{vendor / 'cmsis_nn' / 'Include'}", f"-I{vendor / 'cmsis_core' / 'Include'}"]
    kernels = KERNEL_SOURCES if kind == "ternary" else [p for p in KERNEL_SOURCES if p.name == "crc32.c"]
    generated = zlib.crc32(b"".join(path.read_bytes() for path in sorted(model.glob("*.[ch]"))))
    elf = compile_to("anomaly", M7, [*sources, *kernels], [*flags, f"-DGENERATED=0x{generated:x}"])
    instructions, crc = M7.run(elf).split()
    flash, ram = sizes(elf)
    return {"flash": flash, "ram": ram, "instructions": int(instructions), "crc": crc}


def expected(model: Path, kind: str) -> str:
    """The checksum of what the runtime makes of the same strip."""
    x = np.load(model / "input.npy")
    if kind == "ternary":
        made = Graph(model / "ternary.tflite").run(input=x[None])["output"].astype("<f4")
    else:
        made = run_int8(interpreter(model / "int8.tflite"), x)[0]
    return f"{zlib.crc32(made.tobytes()):08x}"


def table(rows: dict[str, dict]) -> str:
    """The figures as Markdown."""
    names = {"ternary": "ternary, b3", "int8": "int8, CMSIS-NN"}
    lines = ["| | flash | RAM | instructions | output |", "|---|---:|---:|---:|---|"]
    for kind, row in rows.items():
        same = "the runtime's bits" if row["same_bits"] else "not the runtime's bits"
        lines.append(f"| {names[kind]} | {row['flash']:,} B | {row['ram']:,} B | {row['instructions']:,} | {same} |")
    return "\n".join(lines)


def main() -> int:
    """Measures both and writes the figures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "build" / "anomaly", help="what train.py has written")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "anomaly.json")
    options = parser.parse_args()
    try:
        if not (options.model / "input.npy").is_file() and options.model == parser.get_default("model"):
            subprocess.run([sys.executable, "examples/anomaly/train.py"], cwd=ROOT, check=True)
        if not (options.model / "input.npy").is_file():
            raise BitmarError(f"{options.model}: no model, expected one that examples/anomaly/train.py wrote")
        base, rows = measure(options.model, None), {}
        for kind in ("ternary", "int8"):
            row = measure(options.model, kind)
            rows[kind] = {key: row[key] - base[key] for key in ("flash", "ram")}
            rows[kind] |= {
                "instructions": row["instructions"],
                "same_bits": row["crc"] == expected(options.model, kind),
            }
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(rows))
    if options.out == parser.get_default("out"):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(
            re.sub(r"(?<=<!-- anomaly -->\n)[^<]*(?=<!-- end -->)", table(rows) + "\n", page), encoding="utf-8"
        )
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
