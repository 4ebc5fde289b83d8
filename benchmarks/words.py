#!/usr/bin/env python3
"""Names that come back after a short training: what words and channel start with, and what the first steps add.

    python benchmarks/words.py [--config tiny_edge] [--data data] [--steps 1 50 250] [--each 100] [--out FILE]

Each number of steps is a training of its own. Asked for are names that it is not trained on, `each` of every kind
(model/evaluation/names.py), by the model in Keras. Writes benchmarks/results/words.json. Two cores take some 6 minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402

from benchmarks.command import run  # noqa: E402
from benchmarks.text import train  # noqa: E402
from model.config import load_config, with_training  # noqa: E402
from model.data import running_text  # noqa: E402
from model.data.files import write_json  # noqa: E402
from model.data.fingerprint import fingerprint  # noqa: E402
from model.data.pictograms import load_dataset, load_tokenizer  # noqa: E402
from model.evaluation.any_name import any_name  # noqa: E402
from model.evaluation.machine import KerasMachine  # noqa: E402
from model.evaluation.names import unseen_names  # noqa: E402
from model.find_config import config_file  # noqa: E402
from model.run_metrics import project_commit  # noqa: E402
from model.training.texts import training_set  # noqa: E402

SEED = 2026


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=config_file, default="tiny_edge")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 50, 250])
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/words.json")
    args = parser.parse_args()
    config = load_config(args.config)
    dataset = load_dataset(config, args.data, "final")
    tokenizer = load_tokenizer(config, dataset, args.data)
    documents = running_text.read(args.data) if config.training.text_rows else []
    data = training_set(dataset, tokenizer, config, documents=documents)
    names = unseen_names(dataset, args.each, SEED)
    no_pictures = np.zeros((sum(map(len, names.values())), config.vision_dim), np.float32)
    result: dict[str, Any] = {
        "config": config.name,
        "commit": project_commit(),
        "data": fingerprint(dataset, None, documents),
        "seeds": {"training": config.training.seed, "evaluation": SEED},
        "after": {},
    }
    for steps in args.steps:
        model, trained = train(with_training(config, "--steps", steps=steps, minutes=None), data, tokenizer)
        rows, by_tokens = any_name(KerasMachine(model, tokenizer), names, no_pictures)
        result["after"][str(steps)] = {"names": rows["all"], "by_tokens": by_tokens} | trained
        print(f"\n{steps} steps: {rows['all']}, {trained}", flush=True)
    write_json(args.out, result)
    return 0


if __name__ == "__main__":
    run(main)
