"""The data in numbers: drawings and splits, and nearest neighbour on the raw features (no training), beside chance.

Needs data/ (`python pipeline.py data`). Writes benchmarks/results/data.json and prints it.

    python benchmarks/data.py [--questions 2000] [--out FILE]
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from model.config import load_config  # noqa: E402  (the repository root is not on the path of a script)
from model.data.data_command import summary  # noqa: E402
from model.data.dataset import Dataset  # noqa: E402
from model.data.files import read_json  # noqa: E402
from model.data.pictograms import load_dataset  # noqa: E402

CONFIG = ROOT / "configs/bitmar_ultra_tiny.yaml"
SEED = 0


def nearest_neighbour(dataset: Dataset, pairs: np.ndarray, ways: int, questions: int) -> float:
    """Share of questions answered right: `ways` things taught by one drawing each, each asked with another (cosine)."""
    rng = np.random.default_rng(SEED)
    features = dataset.features / np.linalg.norm(dataset.features, axis=1, keepdims=True)
    by_concept: dict[int, list[np.ndarray]] = {}
    for pair in pairs:
        by_concept.setdefault(int(dataset.concept[pair[0]]), []).append(pair)
    concepts, right, rounds = sorted(by_concept), 0, -(-questions // ways)
    for _ in range(rounds):
        chosen = rng.choice(concepts, ways, replace=False)
        taught, asked = np.array([by_concept[c][rng.integers(len(by_concept[c]))] for c in chosen]).T
        right += int(((features[asked] @ features[taught].T).argmax(1) == np.arange(ways)).sum())
    return round(right / (rounds * ways), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/data.json")
    args = parser.parse_args()
    report = summary(args.data, CONFIG)
    table = read_json(args.data / "pictograms.json")
    report["near_duplicates_dropped"] = len(table["near_duplicates"])
    report["concepts_with_gloss"] = sum(bool(concept["gloss"]) for concept in table["concepts"])
    report["nearest_neighbour"] = {}
    for vision in ("lite0_128", "thumb16"):
        for split in report["splits"]:
            dataset = load_dataset(dataclasses.replace(load_config(CONFIG), vision=vision), args.data, split)
            kinds = {
                "known_new_artist": dataset.known_pairs(),
                "held_out": dataset.held_out_pairs(),
                "line_art": dataset.hard_style_pairs(),
            }
            report["nearest_neighbour"][f"{vision}, {split}"] = {
                f"{kind}, {ways}-way": nearest_neighbour(dataset, pairs, ways, args.questions)
                for kind, pairs in kinds.items()
                for ways in (8, 16)
            }
    text = json.dumps(report, indent=1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
