#!/usr/bin/env python3
"""Training with `vision: file` on millions of captions beside a few: peak RSS, time to open, time of a step, in one process.

    python benchmarks/scale.py [--captions 3000000] [--small 5000] [--steps 60] [--dir DIR] [--keep] [--data data] [--out FILE]

Makes both sets on disk in BabyLM's format: phrases of the data in new combinations, one state of random float16 each (4.6 GB for
three million), in a temporary folder (--dir: where), removed at the end unless --keep. ultra_tiny's configuration is trained on
both in turns, a few steps at a time, by the loop that `pipeline.py train` runs; the steps that train the keys before
are a few only. The large set comes first: its peak RSS is that of a process that has seen no other. The states leave the page
cache before the first step, so that their rows come from the disk.
Writes benchmarks/results/scale.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

from benchmarks.command import run  # noqa: E402
from bitmar.errors import BitmarError  # noqa: E402
from bitmar.picture import FEATURES  # noqa: E402
from model.data.captions import FOLDER, TABLE  # noqa: E402
from model.data.files import write_json  # noqa: E402
from model.data.progress import progress  # noqa: E402

CHUNK = 16_384  # captions written at a time
ROUNDS = 6  # in which the two sets take turns
JOINTS = ("next to", "on", "with", "in front of", "and", "under")
SEED = 0


def make(folder: Path, data: Path, count: int, name: str) -> None:
    """`count` captions with their states, and the data's phrases and other texts."""
    (folder / FOLDER).mkdir(parents=True)
    for file in ("phrases.txt", "writing.json"):
        shutil.copy(data / file, folder)
    phrases = (folder / "phrases.txt").read_text(encoding="utf-8").splitlines()
    rng = np.random.default_rng(SEED)
    states = folder / FOLDER / f"{name}_states.npy"
    header = {"descr": "<f2", "fortran_order": False, "shape": (count, FEATURES)}
    with states.open("wb") as rows, (folder / FOLDER / f"{name}{TABLE}").open("w", encoding="utf-8") as texts:
        np.lib.format.write_array_header_1_0(rows, header)
        for first in progress(range(0, count, CHUNK), f"write {name}"):
            size = min(CHUNK, count - first)
            a, b = rng.integers(0, len(phrases), (2, size)).tolist()
            joint = rng.integers(0, len(JOINTS), size).tolist()
            captions = [f"a {phrases[i]} {JOINTS[j]} a {phrases[k]}" for i, j, k in zip(a, joint, b, strict=True)]
            texts.write(("," if first else "[") + json.dumps(captions)[1:-1])
            # any sign and fraction, exponents of 1/8 to 1: 2.3 thousand million normal numbers would take a minute
            bits = rng.integers(0, 1 << 16, (size, FEATURES), np.uint16) & 0x87FF | 0x3000
            rows.write(bits.tobytes())
        texts.write("]")


def status(field: str) -> int:
    """Bytes of a line of /proc/self/status: VmHWM, the most that was resident."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def forget_pages(folder: Path) -> None:
    """Take the states out of the page cache."""
    for path in (folder / FOLDER).glob("*.npy"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Run:
    """A set in training."""

    def __init__(self, config: Any, data: Path) -> None:
        from model.data.fingerprint import fingerprint
        from model.data.pictograms import load_dataset, load_tokenizer
        from model.training.loop import Training
        from model.training.run_folder import RunFolder
        from model.training.texts import training_set

        began = time.monotonic()
        dataset = load_dataset(config, data, "final")
        tokenizer = load_tokenizer(config, dataset, data)
        made = fingerprint(dataset, None)
        self.training = Training(config, training_set(dataset, tokenizer, config), RunFolder(data / "run"))
        self.training.folder.start(config, tokenizer, made)
        self.report: dict[str, Any] = {
            "captions": len(dataset.concept),
            "things": len(dataset.concepts),
            "trained_things": len(self.training.data.drawings),
            "open_seconds": round(time.monotonic() - began, 1),
        }
        for part in ("encoder", "decoder"):
            self.report[f"{part}_rows"] = getattr(self.training.batches, f"{part}_rows")
        self.cpu: list[float] = []  # seconds of CPU time a step, of each round
        forget_pages(data)

    def steps(self, count: int) -> None:
        """Train so many steps."""
        from model.training.loop import Interrupt

        self.training.schedule.steps += count
        began = time.process_time()
        with Interrupt().installed() as interrupt:
            if not self.training.run(interrupt, show=False):
                raise KeyboardInterrupt
        self.cpu.append((time.process_time() - began) / count)

    def finish(self) -> dict[str, Any]:
        """The figures. The first round's steps, and the first of each, which wait for their batch, are left out."""
        from model.training.log import read_log

        count = self.training.schedule.step // ROUNDS
        seconds = np.array([float(row["seconds"]) for row in read_log(self.training.folder.log)])
        began = time.monotonic()
        for i in range(count):
            self.training.batches.batch(1_000_000 + i)  # rows that no step has drawn
        self.report["batch_seconds"] = round((time.monotonic() - began) / count, 4)
        self.report["step_seconds"] = round(float(np.median(seconds.reshape(ROUNDS, count)[1:, 1:])), 4)
        self.report["step_cpu_seconds"] = round(float(np.median(self.cpu[1:])), 4)
        return self.report


def measure(folders: dict[str, Path], steps: int) -> dict[str, Any]:
    """Open and begin each set, then train them in turns."""
    from model.config import load_config, with_training
    from model.run_metrics import project_commit

    config = load_config(ROOT / "configs/bitmar_ultra_tiny.yaml")
    config = dataclasses.replace(with_training(config, "--steps", steps=1, minutes=None, key_steps=20), vision="file")
    result: dict[str, Any] = {
        "config": config.name,
        "commit": project_commit(),
        "cores": len(os.sched_getaffinity(0)),
        "rows_from": "disk",
        "steps": steps // ROUNDS * ROUNDS,
    }
    runs: dict[str, Run] = {}
    for name, folder in folders.items():
        run = runs[name] = Run(config, folder)
        run.report["opened_peak_rss"] = status("VmHWM")
        run.training.schedule.steps = 0
        run.steps(steps // ROUNDS)
        run.report["peak_rss"] = status("VmHWM")
        print(
            f"{name}: open in {run.report['open_seconds']} s, peak RSS {run.report['peak_rss'] / 1e9:.2f} GB",
            flush=True,
        )
    for _ in range(ROUNDS - 1):
        for run in runs.values():
            run.steps(steps // ROUNDS)
    result |= {name: run.finish() for name, run in runs.items()}
    result["peak_rss"] = status("VmHWM")
    for kind in ("step_seconds", "step_cpu_seconds"):
        result[f"{kind}_ratio"] = round(result["large"][kind] / result["small"][kind], 4)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=int, default=3_000_000)
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=60, help=f"of each set, in {ROUNDS} rounds")
    parser.add_argument("--dir", type=Path, help="where the sets are made (default: the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave them there")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="whose phrases and texts are taken")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/scale.json")
    args = parser.parse_args()
    if args.steps < 2 * ROUNDS or min(args.small, args.captions) < 100:
        raise BitmarError(f"expected at least {2 * ROUNDS} --steps and 100 captions")
    folder = Path(tempfile.mkdtemp(prefix="bitmar-scale-", dir=args.dir))
    try:
        needed = args.captions * (2 * FEATURES + 200)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise BitmarError(f"{folder}: {free:,} bytes free, expected {needed:,} (--dir: another place)")
        folders = {"large": folder / "large", "small": folder / "small"}
        for (name, path), count in zip(folders.items(), (args.captions, args.small), strict=True):
            make(path, args.data, count, name)
        result = measure(folders, args.steps)
    finally:
        if args.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=1))
    write_json(args.out, result)
    return 0


if __name__ == "__main__":
    run(main)
