#!/usr/bin/env python3
"""Speed of the Pi app on this machine in both runtimes, sizes of the library and the wheels, instructions per node.

    python benchmarks/pi.py [--model DIR]

Without --model it measures the small trained model of the tests. Writes benchmarks/results/pi.json; docs/raspberry-pi.md quotes
it. Times are medians on whatever machine this is; instruction counts are callgrind's, exact for one compiler.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bitmar.bench import STREAMS  # noqa: E402
from bitmar.native import library  # noqa: E402
from deploy.models import pick_model  # noqa: E402
from deploy.pi_wheel import build_distributions  # noqa: E402
from tests.bitmar.runtimes import NAMES, python_with  # noqa: E402

RUNS = 5


def bench(runtime: str, model: Path) -> dict[str, Any]:
    """The fastest of a few runs of `pipeline.py bench`."""
    command = [python_with(runtime), "pipeline.py", "bench", "--json", "--model", str(model), "--runtime", runtime]
    runs = [
        json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        for _ in range(RUNS)
    ]
    return max(runs, key=lambda run: run["tokens_per_s"])


def instructions_per_token(model: Path) -> int:
    """Inside libbitmar.so, by callgrind: the difference of long and short streams, divided by theirs; bench decodes
    STREAMS of them after one to warm up."""
    return round((instructions(model, 96) - instructions(model, 32)) / 64 / (STREAMS + 1))


def instructions(model: Path, tokens: int) -> int:
    bench = f"main(['bench', '--tokens', '{tokens}', '--model', '{model}'])"
    code = f"from pi_app.__main__ import main; raise SystemExit({bench})"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, "-c", code]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        listing = subprocess.run(
            ["callgrind_annotate", "--threshold=100", out], check=True, capture_output=True, text=True
        )
    rows = re.findall(r"^\s*([\d,]+) .*\[.*libbitmar\.so\]$", listing.stdout, flags=re.MULTILINE)
    return sum(int(row.replace(",", "")) for row in rows)


def sizes() -> dict[str, int]:
    """Bytes of the library here, and of the wheels."""
    found = {"library_here": library.checked_path().stat().st_size}
    for arch in ("aarch64", "armv7l"):
        with tempfile.TemporaryDirectory() as folder:
            wheel, source = build_distributions(arch, Path(folder))
            found |= {f"wheel_{arch}": wheel.stat().st_size, "sdist": source.stat().st_size}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a converted model (default: the tests')")
    model = pick_model(parser.parse_args().model)
    results = {
        "machine": platform.machine(),
        "isa": library.load().bm_isa().decode(),
        "runtimes": {runtime: bench(runtime, model) for runtime in NAMES},
        "kernel_instructions_per_token": instructions_per_token(model),
        "bytes": sizes(),
    }
    (ROOT / "benchmarks" / "results" / "pi.json").write_text(json.dumps(results, indent=1) + "\n")
    for runtime, found in results["runtimes"].items():
        print(
            f"{runtime:15} {found['tokens_per_s']} tokens/s, encode {found['encode_ms']} ms, memory {found['memory_ms']} ms"
        )
    print(f"{results['kernel_instructions_per_token']:,} instructions a token in the library ({results['isa']})")
    print(results["bytes"])


if __name__ == "__main__":
    main()
