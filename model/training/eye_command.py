"""`pipeline.py eye`: train the vision network's sixth stage on the drawings, into model/data/lite0_sixth_stage.npz."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder written by `pipeline.py data`")
    parser.add_argument("--steps", type=int, help="train this many steps (default: 600)")
    parser.add_argument("--out", type=Path, help="where the weights go (default: what `pipeline.py data` reads)")


def run(args: argparse.Namespace) -> int:
    began = time.monotonic()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np

    from bitmar.errors import BitmarError
    from model.data import lite0
    from model.data.build import Builder
    from model.data.files import check_folder, check_readable, replacing, write_json
    from model.data.packages import LITE0, SETS
    from model.data.progress import progress
    from model.run_metrics import project_commit
    from model.training import eye

    steps, out = eye.STEPS if args.steps is None else args.steps, args.out or lite0.TRAINED
    if steps < 1:
        raise BitmarError(f"--steps is {steps}, expected at least 1")
    check_readable(args.data, "pipeline.py data")
    check_folder(out.parent)
    builder = Builder(args.data, list(SETS))
    builder.download()
    builder.render()
    builder.table()
    frozen, trained = eye.network(lite0.weights_of(builder.packages[LITE0]))
    seen = eye.see(builder, frozen)
    losses = []
    learning = eye.train(trained, seen, steps)
    for _ in progress(range(steps), f"{out.name}: training"):
        losses.append(next(learning))
    with replacing(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **eye.stored(trained))
    spent = time.monotonic() - began
    record = {
        "steps": steps,
        "seconds": round(spent),
        "concepts": len(seen.concepts),
        "drawings": sum(map(len, seen.concepts)),
        "loss": round(float(np.mean(losses[-50:])), 3),
        "commit": project_commit(),
    }
    write_json(out.with_suffix(".json"), record)
    print(f"{out}: {steps} steps in {spent / 60:.1f} minutes, loss {losses[0]:.2f} -> {record['loss']:.2f}")
    print("now `pipeline.py data` makes the features anew, and models are to be trained anew on them")
    return 0
