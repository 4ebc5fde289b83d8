#!/usr/bin/env python3
"""Bits per byte of a ternary model beside the same model in float: same data, seed, batches and steps.

    python benchmarks/text.py [--config configs/bitmar_tiny_edge.yaml] [--data data] [--steps 2000] [--out FILE]

In float: weights and activations of every ternary matrix are multiplied as they are, in training and in evaluation. What stays
is the form in which a card keeps a thing (keys in int8, episodes in half precision); running text is decoded without either.
Learning rate and schedule are the ternary model's. Writes benchmarks/results/text.json. Two cores take some 25 minutes for 2,000
steps of tiny_edge, twice.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras import ops  # noqa: E402

from benchmarks.command import run  # noqa: E402
from bitmar.errors import BitmarError  # noqa: E402
from model import functional  # noqa: E402
from model.config import load_config, with_training  # noqa: E402
from model.data import running_text  # noqa: E402
from model.data.files import write_json  # noqa: E402
from model.data.fingerprint import fingerprint  # noqa: E402
from model.data.pictograms import load_dataset, load_tokenizer  # noqa: E402
from model.evaluation.bootstrap import ratio_interval  # noqa: E402
from model.evaluation.text import Bits, measure, stretches, text_row  # noqa: E402
from model.run_metrics import project_commit  # noqa: E402
from model.training.log import read_log  # noqa: E402
from model.training.loop import Interrupt, Training  # noqa: E402
from model.training.run_folder import RunFolder  # noqa: E402
from model.training.texts import training_set  # noqa: E402


class FloatFunctions:
    """The functions of model/functional.py with nothing rounded; those without a ternary matrix are its own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(functional, name).__wrapped__

    def ternary_fc(self, x: Any, kernel: Any, activation: str | None = None) -> Any:
        y = ops.matmul(x, kernel)
        return ops.square(ops.relu(y)) if activation == "squared_relu" else y

    def ternary_embedding(self, ids: Any, table: Any) -> Any:
        return ops.take(table, ids, axis=0)

    def ternary_logits(self, x: Any, table: Any) -> Any:
        return ops.matmul(x, ops.transpose(table))

    def logits_of_words(self, x: Any, table: Any, words: Any) -> Any:
        return ops.matmul(x, ops.transpose(ops.take(table, words, axis=0)))


def train(config: Any, data: Any, tokenizer: Any) -> tuple[Any, dict[str, Any]]:
    """(model, {"seconds", the last step's losses}); the run's folder is thrown away."""
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path) / "run")
        folder.start(config, tokenizer, {})
        training = Training(config, data, folder)
        began = time.monotonic()
        with Interrupt().installed() as interrupt:
            if not training.run(interrupt):
                raise KeyboardInterrupt
        last = read_log(folder.log)[-1]
        losses = {name: round(float(last[name]), 4) for name in ("recall", "phrases", "text")}
        return training.finished(), {"seconds": round(time.monotonic() - began, 1), "last_step": losses}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "configs/bitmar_tiny_edge.yaml")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/text.json")
    args = parser.parse_args()
    config = with_training(load_config(args.config), "--steps", steps=args.steps, minutes=None)
    documents = running_text.read(args.data)
    held = stretches(documents)
    if not held or not config.training.text_rows:
        raise BitmarError(
            f"{args.config}, {args.data}: expected text_rows and running text (`pipeline.py data --config`)"
        )
    dataset = load_dataset(config, args.data, "final")
    tokenizer = load_tokenizer(config, dataset, args.data)
    data = training_set(dataset, tokenizer, config, documents=documents)
    result: dict[str, Any] = {
        "config": config.name,
        "commit": project_commit(),
        "data": fingerprint(dataset, None, documents),
        "steps": args.steps,
        "seed": config.training.seed,
        "cores": len(os.sched_getaffinity(0)),
    }
    bits: dict[str, Bits] = {}
    for name, functions in (("ternary", nullcontext()), ("float", functional.replaced_by(FloatFunctions()))):
        with functions:
            model, trained = train(config, data, tokenizer)
            bits[name] = measure(model, tokenizer, held)
        result[name] = text_row(bits[name], config.max_seq_len) | trained
        print(f"{name:<8}{result[name]['bits_per_byte']:.4f} bits per byte, {trained}", flush=True)
    ternary, plain = bits["ternary"].anew, bits["float"].anew
    low, high = ratio_interval(ternary, plain)
    result["ternary_over_float"] = {
        "ratio": round(float(ternary.sum() / plain.sum()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
    print(result["ternary_over_float"])
    write_json(args.out, result)
    return 0


if __name__ == "__main__":
    run(main)
