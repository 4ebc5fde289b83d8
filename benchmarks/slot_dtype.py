#!/usr/bin/env python3
"""What 8-bit slots cost: names decoded exactly with `slot_dtype: int8` beside float16, on the trained model of the tests.

    python benchmarks/slot_dtype.py [--run RUN] [--data data]

The keys are int8 in both, so the slot found is the same; only the episode is rounded differently (absmax per slot, as memstore
does). Writes benchmarks/results/slot_dtype.json; docs/sd-format.md quotes it. Needs `pipeline.py data`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

QUESTIONS, WAYS, SEED = 2000, 8, 2026


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "models" / "ultra_tiny")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    args = parser.parse_args()

    from model.data.pictograms import load_dataset, load_tokenizer
    from model.evaluation.ask import Asker
    from model.evaluation.questions import make_questions
    from model.quantizers import int8_rounded
    from model.saved_run import load_run

    model = load_run(args.run)
    dataset = load_dataset(model.config, args.data, json.loads((args.run / "data.json").read_text())["split"])
    asker = Asker(model, dataset, load_tokenizer(model.config, dataset, args.data))
    questions = make_questions(dataset.held_out_pairs(), dataset.concept, WAYS, QUESTIONS, SEED)
    truth = asker.truth(questions.asked)
    half = asker.encoded
    rounded = dataclasses.replace(half, episode=np.asarray(int8_rounded(half.episode)))
    exact = {}
    for name, encoded in (("float16", half), ("int8", rounded)):
        asker.encoded = encoded
        written = asker.write_names(asker.read(questions)[1], questions.asked)
        exact[name] = round(float(np.mean([a == b for a, b in zip(written, truth, strict=True)])), 4)
    report = {"questions": QUESTIONS, "ways": WAYS, "group": "held_out", "name_exact": exact}
    out = ROOT / "benchmarks/results/slot_dtype.json"
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
