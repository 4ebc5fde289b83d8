#!/usr/bin/env python3
"""A small memory in use: memstore itself, with the keys of things that the model was not trained on.

    python benchmarks/life.py [--model models/ultra_tiny] [--data data] [--lives 25]

A life teaches 200 times: one of 24 things, in one of its drawings, under its name, into 16 slots; then each thing that is there
is asked for with another drawing. By the least cosine to share a slot. Writes benchmarks/results/life.json; docs/decisions.md
quotes it. Needs `pipeline.py data`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bitmar.device import memory_shape  # noqa: E402
from bitmar.engine import Engine, Picture  # noqa: E402
from bitmar.memory import Memory, Shape  # noqa: E402
from bitmar.model_folder import read_model  # noqa: E402

TEACHINGS, THINGS, SLOTS, SEED = 200, 24, 16, 8
THRESHOLDS = (0.0, 0.2, 0.4, 0.6, 0.8)


def keys_of(engine: Engine, features: np.ndarray) -> np.ndarray:
    """float32 [N, 768], int8 codes times a scale each -> keys float32 [N, D]."""
    scales = np.abs(features).max(1, keepdims=True).astype(np.float32) / np.float32(127)
    codes = np.clip(np.rint(features / scales), -127, 127).astype(np.int8)
    return np.stack([engine.encode([], Picture(q, s)).key[0] for q, s in zip(codes, scales[:, 0], strict=True)])


def live(memory: Memory, keys: np.ndarray, drawings: list[np.ndarray], rng: np.random.Generator) -> dict[str, list]:
    """One life: of each of the 16 things taught last whether it is there, of each that is there whether it is found."""
    episode, last = np.ones(memory.shape.dim, np.float32), {}
    things = rng.permutation(len(drawings))[:THINGS]
    for moment in range(TEACHINGS):
        thing = int(rng.choice(things))
        shown = int(rng.choice(drawings[thing]))
        memory.teach(str(thing), episode, keys[shown], 0.5, both=True, decodes=True)
        last[thing] = (moment, shown)
    names = [slot.name for slot in memory.slots()]
    there = [thing for thing in last if str(thing) in names]
    asked = [int(rng.choice(drawings[thing][drawings[thing] != last[thing][1]])) for thing in there]
    answers = [memory.name_of(memory.nearest(keys[drawing]).slot) for drawing in asked]
    latest = sorted(last, key=lambda thing: -last[thing][0])[:SLOTS]
    return {
        "kept": [str(thing) in names for thing in latest],
        "right": [answer == str(thing) for answer, thing in zip(answers, there, strict=True)],
        "second_slots": [len(names) - len(set(names))],
        "duplicates": [sum(names.count(name) > memory.shape.prototypes for name in set(names))],
    }


def row(shape: Shape, keys: np.ndarray, drawings: list[np.ndarray], lives: int) -> dict[str, Any]:
    """The means of all lives, and how many things were asked for."""
    found: dict[str, list] = {}
    for life in range(lives):
        with Memory(None, shape) as memory:
            for name, values in live(memory, keys, drawings, np.random.default_rng((SEED, life))).items():
                found.setdefault(name, []).extend(values)
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()} | {"n": len(found["right"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "ultra_tiny")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--lives", type=int, default=25)
    args = parser.parse_args()

    from model.config import load_config
    from model.data.pictograms import load_dataset

    split = json.loads((args.model / "data.json").read_text())["split"]
    dataset = load_dataset(load_config(args.model / "config.yaml"), args.data, split)
    used = np.unique(dataset.held_out_pairs())
    model = read_model(args.model)
    keys = keys_of(Engine(model), dataset.features[used])
    concept = dataset.concept[used]
    drawings = [np.flatnonzero(concept == c) for c in np.unique(concept)]
    base = dataclasses.replace(memory_shape(model, None, SLOTS), hot=SLOTS)
    rows = {}
    for threshold in THRESHOLDS:
        rows[str(threshold)] = row(dataclasses.replace(base, merge_threshold=threshold), keys, drawings, args.lives)
        print(threshold, rows[str(threshold)], flush=True)
    report = {"lives": args.lives, "things": len(drawings), "by_merge_threshold": rows}
    (ROOT / "benchmarks/results/life.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
