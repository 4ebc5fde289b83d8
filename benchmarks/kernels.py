"""Instructions per multiply-accumulate of the ternary kernels, everything included (quantising the token, scaling the sums).

Counts, not cycles: they are exact and the same in every run. Cortex-M7: QEMU -icount; x86-64: callgrind; aarch64: QEMU's
log of executed instructions, the difference between three calls and two. Writes benchmarks/results/kernels.json and prints
a table. Needs the Debian packages that `make test` needs; targets without their tools are left out, and named.

    python benchmarks/kernels.py [--out FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.kernels import build  # noqa: E402  (the repository root is not on the path of a script)

SHAPES = [(512, 128), (128, 512), (128, 128), (4096, 128)]  # [rows, cols]: up, down, attention, a piece of the head
LAYOUTS = {"rm2": 0, "b3": 1, "pl14": 2, "c5": 3}
FOR_M7 = ("pl14", "c5")  # elsewhere in portable C only
ISAS = {"cortex-m7": ["portable", "dsp"], "host": ["portable", "avx2"], "cortex-a72": ["portable", "neon"],
        "cortex-a76": ["neon+dotprod"]}  # fmt: skip
NAMES = {"host": "x86-64"}


def count_m7(target: build.Target, elf: Path, arguments: list[str]) -> int:
    return int(target.run(elf, *arguments, "1"))


def count_x86(target: build.Target, elf: Path, arguments: list[str]) -> int:
    def total(repeats: int) -> int:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(elf), *arguments, str(repeats)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        line = next(line for line in done.stderr.splitlines() if "Collected" in line)
        return int(line.split(":")[1])

    return total(2) - total(1)


def kernel_range(elf: Path) -> str:
    """Addresses of the kernels' functions, which the linker placed together, for QEMU's -dfilter."""
    done = subprocess.run(["aarch64-linux-gnu-nm", str(elf)], capture_output=True, text=True, check=True)
    symbols = [line.split() for line in done.stdout.splitlines() if line[17:18] in "tT"]
    kernels = [int(address, 16) for address, _, name in symbols if name.startswith(("bm_", "dot_"))]
    return f"{min(kernels):#x}..{max(kernels) + 0x400:#x}"  # what else is in there cancels in the difference


def count_aarch64(target: build.Target, elf: Path, arguments: list[str]) -> int:
    def total(repeats: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            pipe = Path(folder) / "log"
            os.mkfifo(pipe)
            qemu = [
                target.runner[0],
                *target.runner[1:-1],
                "-singlestep",
                "-d",
                "exec,nochain",
                "-dfilter",
                kernel_range(elf),
            ]
            qemu += ["-D", str(pipe)]
            with subprocess.Popen([*qemu, str(elf), *arguments, str(repeats)]) as process:
                with pipe.open("rb") as log:
                    lines = sum(chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 20), b""))
                if process.wait():
                    raise RuntimeError(f"{elf} failed with {process.returncode}")
        return lines

    return total(2) - total(1)


COUNTERS = {"cortex-m7": count_m7, "host": count_x86, "cortex-a72": count_aarch64, "cortex-a76": count_aarch64}


def measure(name: str) -> list[dict]:
    """One row per instruction set, layout and shape of a target."""
    target = build.TARGETS[name]
    elf = build.program("kernels_count", target, folder=ROOT / "benchmarks")
    rows = []
    for isa in ISAS[name]:
        for layout, number in LAYOUTS.items():
            if layout in FOR_M7 and isa != "dsp":
                continue
            for shape in SHAPES:
                arguments = [isa, "fc", str(number), *map(str, shape), "1"]
                instructions = COUNTERS[name](target, elf, arguments)
                row = {
                    "target": NAMES.get(name, name),
                    "isa": isa,
                    "layout": layout,
                    "rows": shape[0],
                    "cols": shape[1],
                }
                rows.append(
                    row | {"instructions": instructions, "per_mac": round(instructions / shape[0] / shape[1], 4)}
                )
    return rows


def table(rows: list[dict]) -> str:
    """The rows as Markdown, one line per kernel, one column per shape."""
    lines = [["target", "instruction set", "layout", *(f"{cols}->{rows}" for rows, cols in SHAPES)]]
    for key in dict.fromkeys((r["target"], r["isa"], r["layout"]) for r in rows):
        found = [r for r in rows if (r["target"], r["isa"], r["layout"]) == key]
        lines.append([*key, *(f"{r['per_mac']:.3f}" for r in found)])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compiler_version(target: build.Target) -> str:
    done = subprocess.run([target.compiler, "-dumpfullversion"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "kernels.json")
    options = parser.parse_args()
    rows, compilers = [], {}
    for name in ISAS:
        target = build.TARGETS[name]
        if not target.available():
            print(f"{name}: left out, needs {target.compiler} and {target.runner[0]}", file=sys.stderr)
            continue
        compilers[NAMES.get(name, name)] = f"{target.compiler} {compiler_version(target)} {target.flags[0]}"
        rows += measure(name)
    print("Instructions per multiply-accumulate, quantisation and scaling included:\n")
    print(table(rows))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = options.out.with_suffix(".tmp")
    temporary.write_text(json.dumps({"unit": "instructions", "compilers": compilers, "rows": rows}, indent=1) + "\n")
    temporary.replace(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
