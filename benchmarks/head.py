#!/usr/bin/env python3
"""Instructions of a decoder step on the emulated Cortex-M7 with a head of one level and with one whose words have classes.

    python benchmarks/head.py [--config CONFIG] [--shortlist N] [--words N] [--steps N]

Both have fresh weights, on which no number of instructions of one level depends; of two levels it depends on whether a class is
chosen, and the results say how often one was. Instructions are exact (QEMU's -icount), not cycles. Once with the layouts that
the ahead-of-time generator chooses, once with those of the flatbuffers. Writes benchmarks/results/head.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.mcu import engine_program  # noqa: E402
from convert.aot import generate  # noqa: E402
from tests.kernels.build import TARGETS  # noqa: E402

SEED = 7


def measure(model: Path, out: Path, budget: int | None, shortlist: int, steps: int) -> dict[str, Any]:
    """One plan of a converted model: instructions of each step, how many of them chose a word of a class."""
    report = generate(model, out, budget=budget)
    head = next(m for m in report["matrices"] if m["name"].startswith("decoder/embedding"))
    printed = TARGETS["cortex-m7"].run(engine_program("step_count", out), str(steps)).split()
    counts, best = [int(word) for word in printed[::2]], [int(word) for word in printed[1::2]]
    return {
        "layout": head["layout"],
        "instructions": {"mean": round(sum(counts) / steps), "most": max(counts)},
        "steps": steps,
        "class_chosen": sum(word >= shortlist for word in best) if shortlist else 0,
        "weights": report["weights_bytes"],
        "arena": report["arena_bytes"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "bitmar_tiny_edge.yaml")
    parser.add_argument("--shortlist", type=int, default=2256)
    parser.add_argument("--words", type=int, default=2000, help="words of a class")
    parser.add_argument("--steps", type=int, default=96, help="a window and a half")
    args = parser.parse_args()

    import keras

    from convert.model_folder import write_model
    from model.bitmar import BitMar
    from model.config import from_dict, load_config

    config, rows = load_config(args.config), []
    for shortlist, words in ((0, 0), (args.shortlist, args.words)):
        sizes = {"decoder_shortlist": shortlist, "decoder_class_words": words}
        keras.utils.set_random_seed(SEED)
        model = BitMar(from_dict(config.as_dict() | sizes))
        with tempfile.TemporaryDirectory() as folder:
            write_model(model, None, None, Path(folder) / "model")
            for name, budget in (("chosen layouts", None), ("layouts of the flatbuffers", 0)):
                found = measure(Path(folder) / "model", Path(folder) / "plan", budget, shortlist, args.steps)
                rows.append({"model": config.name, **sizes, "plan": name, **found})
                print(json.dumps(rows[-1]), flush=True)
    (ROOT / "benchmarks" / "results" / "head.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
