#!/usr/bin/env python3
"""What asking for a JPEG costs: CPU time, and RAM above Python, NumPy, Pillow and the runtime.

    python benchmarks/ask.py [--model DIR] [--before REVISION]

Each figure is of a process of its own: a memory with one thing, the model's eye, `Device.ask` of a photograph of 640, 1,280 or
4,000 pixels. `--before` measures another revision of this project (default: the last one whose vision network was float32 at 160
px) in a work tree of its own, its network made from the package in data/downloads. Writes benchmarks/results/ask.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deploy.models import pick_model  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "ask.json"
BEFORE = "7e0eef9^"
SIZES = ((640, 480), (1280, 960), (4000, 3000))
PROCESSES = 5
# runs in the measured process; what is imported first is not counted
ONE = """
import resource, sys, time
import numpy
from PIL import Image, JpegImagePlugin
import ai_edge_litert.interpreter
peak = lambda: int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
before = peak()
from bitmar import Device
picture, model = sys.argv[1:]
device = Device(None, model)
start = time.process_time()
device.teach(picture, "a cup")
first = time.process_time() - start
times = []
for _ in range(15):
    start = time.process_time()
    device.ask(picture)
    times.append(time.process_time() - start)
print(1000 * min(times), 1000 * first, peak() - before)
"""
# makes the float32 network of the earlier revision, in its own code
FLOAT = """
import sys
from pathlib import Path
import numpy as np
from model.data import lite0
numbers = np.zeros(768, np.float32)
lite0.convert(lite0.build(lite0.weights_of(Path(sys.argv[1])), numbers, numbers + 1), Path(sys.argv[2]))
"""


def photograph(path: Path, size: tuple[int, int]) -> None:
    """Smooth colours and an edge, as a camera's JPEG."""
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8))
    image = small.resize(size, Image.Resampling.BICUBIC)
    image.paste((200, 30, 40), (size[0] // 3, size[1] // 4, size[0] // 2, size[1] // 2))
    image.save(path, quality=90)


def measured(root: Path, picture: Path, model: Path) -> dict[str, float]:
    """The best of some processes that run the project in `root`."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ONE, str(picture), str(model)]
    runs = []
    for _ in range(PROCESSES):
        done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
        runs.append([float(number) for number in done.stdout.split()])
    ask, first, peak = (float(number) for number in np.min(runs, axis=0))
    return {"ask_cpu_ms": round(ask, 2), "first_teach_cpu_ms": round(first, 2), "peak_mb": round(peak, 1)}


def earlier(revision: str, folder: Path, data: Path) -> tuple[Path, Path]:
    """(work tree, model) of an earlier revision: its fixture model with the float32 network."""
    tree = folder / "tree"
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", str(tree), revision], cwd=ROOT, check=True)
    package = next((data / "downloads").glob("efficientnet_lite0*.whl"))
    network, run, model = folder / "vision.tflite", "tests/fixtures/ultra_tiny", folder / "model"
    for command in (
        ["-c", FLOAT, str(package), str(network)],
        ["pipeline.py", "convert", "--run", run, "--out", str(model), "--data", str(folder)],
    ):
        environment = os.environ | {"PYTHONPATH": str(tree)}
        subprocess.run([sys.executable, *command], cwd=tree, env=environment, check=True, capture_output=True)
    return tree, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a converted model: its folder or name")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="folder of `pipeline.py data`")
    parser.add_argument("--before", default=BEFORE, help=f"the revision that it is compared with (default: {BEFORE})")
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            tree, old = earlier(args.before, folder, args.data.resolve())
            for size in SIZES:
                picture = folder / f"{size[0]}.jpg"
                photograph(picture, size)
                row = {"now": measured(ROOT, picture, pick_model(args.model).resolve())}
                row["before"] = measured(tree, picture, old)
                row["time_share"] = round(row["now"]["ask_cpu_ms"] / row["before"]["ask_cpu_ms"], 3)
                report[f"{size[0]}x{size[1]}"] = row
                print(size, row, flush=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(folder / "tree")], cwd=ROOT, check=False)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
