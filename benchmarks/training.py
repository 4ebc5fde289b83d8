#!/usr/bin/env python3
"""Where a training step's time goes: packed rows or one text a row, all words or some of a large vocabulary, and the batch.

    python benchmarks/training.py [--config configs/bitmar_ultra_tiny.yaml] [--data data] [--steps 10] [--out FILE]

Writes benchmarks/results/training.json. Wall-clock times of an idle machine; the cores' number is in the result.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PACKED = 8  # most texts in a row


def measure(config: Any, data: Any, members: int, steps: int) -> dict[str, Any]:
    """Seconds of one batch, of the first step (with its tracing) and of the median step after it."""
    import keras
    import numpy as np

    from model.bitmar import BitMar
    from model.training.batches import BatchMaker
    from model.training.step import TrainStep, make_optimizer

    keras.utils.set_random_seed(config.training.seed)
    model = BitMar(config)
    maker = BatchMaker(data, config, members)
    start = time.perf_counter()
    batches = [maker.batch(i) for i in range(steps)]
    batch_seconds = (time.perf_counter() - start) / steps
    step = TrainStep(model, make_optimizer(model))
    times = []
    for batch in [batches[0], *batches]:
        start = time.perf_counter()
        step(batch, config.training.learning_rate)
        times.append(time.perf_counter() - start)
    cells = batches[0].encoder.segment.size + batches[0].decoder.segment.size
    tokens = sum(int((part.segment >= 0).sum()) for part in (batches[0].encoder, batches[0].decoder))
    return {
        "step_seconds": round(float(np.median(times[2:])), 4),
        "first_step_seconds": round(times[0], 2),
        "batch_seconds": round(batch_seconds, 5),
        "cells": cells,
        "tokens": tokens,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "configs/bitmar_ultra_tiny.yaml")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/training.json")
    args = parser.parse_args()
    from model.config import load_config, with_training
    from model.data.files import write_json
    from model.data.pictograms import load_dataset, load_tokenizer
    from model.training.texts import training_set

    config = load_config(args.config)
    dataset = load_dataset(config, args.data, "final")
    data = training_set(dataset, load_tokenizer(config, dataset, args.data), config)
    result: dict[str, Any] = {"config": config.name, "cores": len(os.sched_getaffinity(0)), "variants": {}}
    variants = {"packed": (config, PACKED), "one text a row": (config, 1)}
    if config.training.head_words:
        variants["packed, all words"] = with_training(config, "all words", head_words=0), PACKED
    for name, (changed, members) in variants.items():
        got = result["variants"][name] = measure(changed, data, members, args.steps)
        print(
            f"{name:<26}{got['step_seconds']:8.3f} s a step, first {got['first_step_seconds']:.1f} s, "
            f"batch {got['batch_seconds'] * 1e3:.1f} ms, {got['tokens']} tokens in {got['cells']} cells",
            flush=True,
        )
    write_json(args.out, result)


if __name__ == "__main__":
    main()
