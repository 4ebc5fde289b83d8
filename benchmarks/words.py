#!/usr/bin/env python3
"""Names that come back after a short training: tables of words that start as codes (`word_codes`) or at random.

    python benchmarks/words.py [--config tiny_edge] [--data data] [--steps 250] [--each 100] [--out FILE]

Both train with the same data, seed and batches. Asked for are names that neither is trained on, `each` of every kind
(model/evaluation/names.py), by the model in Keras. Writes benchmarks/results/words.json. Two cores take some 7 minutes.
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
STARTS = {"random": False, "codes": True}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=config_file, default="tiny_edge")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/words.json")
    args = parser.parse_args()
    config = with_training(load_config(args.config), "--steps", steps=args.steps, minutes=None)
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
        "steps": args.steps,
        "seeds": {"training": config.training.seed, "evaluation": SEED},
    }
    for name, codes in STARTS.items():
        model, trained = train(with_training(config, name, word_codes=codes), data, tokenizer)
        rows, by_tokens = any_name(KerasMachine(model, tokenizer), names, no_pictures)
        result[name] = {"names": rows["all"], "by_tokens": by_tokens} | trained
        print(f"\n{name}: {rows['all']}, {trained}", flush=True)
    write_json(args.out, result)
    return 0


if __name__ == "__main__":
    run(main)
