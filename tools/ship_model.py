#!/usr/bin/env python3
"""Make models/NAME out of a finished run: what a device needs, what can be evaluated and converted again, what is known of it.

    ./pipeline.py data
    ./pipeline.py train --config configs/bitmar_ultra_tiny.yaml --run runs/ultra_tiny --split final
    ./tools/ship_model.py --run runs/ultra_tiny [--seeds runs/ultra_tiny_1 runs/ultra_tiny_2]
    ./tools/ship_model.py --run runs/tiny_edge --name tiny_edge --device-only

config.yaml, data.json, tokenizer.json, model.npz, refusal.json, cohort.bin
                                                    the run: `--run models/NAME` evaluates and converts it like any other
*.tflite, tokenizer.bin, model.json, report.json    the converted model: `--model NAME` in every command
metrics.json, MODEL_CARD.md                         what it was trained on, what it reaches, what it does not do

With --device-only neither model.npz nor tokenizer.json: with GPT-2's vocabulary they would be half of the folder, and no device
reads them.

With --pictures also tests/fixtures: the test split's pictures as 768 numbers each, so that tests neither train nor download.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from model.data.dataset import Dataset

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FIXTURES = ROOT / "tests" / "fixtures"
CONCEPTS = 50  # held-out ones, and as many known ones
SEED = 16


def choose(pairs: np.ndarray, concept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One random (taught, asked) pair of each of CONCEPTS random concepts: int64 [CONCEPTS, 2]."""
    pairs = pairs[rng.permutation(len(pairs))]
    _, first = np.unique(concept[pairs[:, 0]], return_index=True)
    return pairs[rng.permutation(first)[:CONCEPTS]]


def save_pictures(path: Path, dataset: Dataset, rows: np.ndarray) -> None:
    """The drawings `rows` in their canonical form, with names."""
    from model.data.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            q=dataset.q[rows],
            scale=dataset.scale[rows],
            reference=np.array([dataset.reference(row) for row in rows]),
            name=np.array([dataset.name_of(row) for row in rows]),
            held_out=dataset.held_out[dataset.concept[rows]],
        )


def save_fixtures(dataset: Dataset) -> None:
    """pictures.npz: of each of 100 concepts two artists' drawings, to teach and to ask (rows 2i and 2i + 1); test_split.npz:
    every drawing that the final split asks for; NOTICE."""
    from model.data.files import write_text
    from model.data.packages import SETS

    rng = np.random.default_rng(SEED)
    pairs = [choose(p, dataset.concept, rng) for p in (dataset.held_out_pairs(), dataset.known_pairs())]
    rows = np.concatenate(pairs).reshape(-1)
    save_pictures(FIXTURES / "pictures.npz", dataset, rows)
    every = np.unique(np.concatenate([dataset.known_pairs(), dataset.held_out_pairs()])[:, 1])
    save_pictures(FIXTURES / "test_split.npz", dataset, every)
    packages = [SETS[name].source for name in sorted({dataset.sets[i] for i in dataset.set_index[rows]})]
    drawings = "\n".join(f"  {p.name} {p.version}, {p.author}: {p.licence}" for p in packages)
    write_text(
        FIXTURES / "NOTICE",
        "pictures.npz and test_split.npz hold 768 numbers for each drawing, computed by EfficientNet-Lite0 (Apache-2.0)\n"
        f"from drawings of:\n{drawings}\n"
        "Names: emojibase-data (MIT). The drawings themselves are not here; nothing of a share-alike set is used.\n",
    )


def model_card(name: str, config: Any, metrics: dict[str, Any], sizes: dict[str, Any], whole: bool) -> str:
    """MODEL_CARD.md, every figure out of the run's own files; `whole`: the folder can be evaluated as a run."""
    from model.data.packages import EMOJIBASE, LITE0, SETS, TEXTS, WORDNET
    from model.evaluation.report import table

    used = [*(s.source for s in SETS.values() if s.role == "train"), EMOJIBASE, WORDNET, LITE0]
    used += TEXTS * (config.training.text_rows > 0)
    data = "\n".join(f"- {p.name} {p.version} ({p.licence}, {p.author}): {p.use}" for p in used)
    trained = ", ".join(
        f"{metrics[key]:,.0f} {key}" if key != "commit" else f"commit {metrics[key]}"
        for key in ("steps", "seconds", "commit")
        if metrics.get(key) is not None
    )
    exact = config.episode_dim // config.position_features  # tokens that a slot holds without crosstalk
    again = f"; `./pipeline.py eval --run models/{name}` measures again what stands below" if whole else ""
    return f"""# {name}

A ternary (BitNet b1.58) vision-and-text model with episodic memory. It is shown a picture and told its name; it names
another picture of the same thing. {sizes["weights"]:,} weights in {sizes["weight_and_scale_bytes"]:,} bytes,
{config.memory_slots} things by default (`--slots` takes more), {config.episode_dim} numbers each.

Made by `tools/ship_model.py` from `configs/{config.name}.yaml`{": " + trained if trained else ""}.
The files and their SHA-256 stand in model.json{again}.

## Data
{data}

Held out: a fifth of the things, whole families ("man climbing" with "woman climbing"), by a hash of the family's name (split
"{metrics["split"]}"), all drawings of noto, noto-v1 and openmoji, and one text in twenty by a hash of its letters.

## Metrics
One drawing is taught, another artist's is asked. In brackets: 95 % intervals by bootstrap over things. The flatbuffers of this
folder were asked, in the runtime of a Raspberry Pi.

```
{table(metrics)}
```
{seeds_text(metrics)}
## Limits
- Trained on pictograms. The table's photographs are things cut out and put in front of generated backgrounds, not taken by a
  camera; teach several views.
- Names: any text of at most 63 bytes is stored whole on the card; whether the decoder brings it back from the 128 numbers is
  read back when it is taught. More than {exact} tokens are written in layers; where no form of a name comes back, the stored
  label is the answer.
- Of things that it was not taught some get a name: see the table. Line art is the hardest style.
- Captions without memory are not offered: they are hardly ever right for things that it was not trained on.

## Licence
Weights: Apache-2.0, as this repository. They were trained on the data above under the licences named there; vision.tflite is
EfficientNet-Lite0 ({LITE0.licence}) in int8, its last stage trained on these drawings.
"""


def evaluated(folder: Path, dataset: Dataset, data: Path) -> dict[str, Any]:
    """The figures of a converted model: its flatbuffers in the Pi's runtime."""
    from deploy.flatbuffer_machine import FlatbufferMachine
    from model.data import photos
    from model.evaluation import refusal
    from model.evaluation.metrics import Evaluation

    report = Evaluation(FlatbufferMachine(folder), dataset, refusal.load(folder), photos=photos.load(data)).run()
    return report | {"asked": f"models/{folder.name}"}


def mean(values: list[Any]) -> Any:
    """Numbers' mean, in whatever nesting all of `values` share; the rest is left out."""
    if all(isinstance(value, dict) for value in values):
        keys = [key for key in values[0] if all(key in value for value in values)]
        return {key: got for key in keys if (got := mean([value[key] for value in values])) is not None}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return round(float(np.mean(values)), 4)
    return None


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The seeds of all runs, and the mean of what each of them reaches."""
    rows = ("any_name", "unknown", "life", "ways", "many", "photos")
    seeds = runs[0]["seeds"] | {"trained": [run["seeds"]["training"] for run in runs]}
    return {"seeds": seeds, "mean": mean([{row: run[row] for row in rows if row in run} for run in runs])}


def seeds_text(metrics: dict[str, Any]) -> str:
    """A paragraph of the card; "" where only one seed was trained."""
    if "mean" not in metrics:
        return ""
    ways, names, unknown = (metrics["mean"][key] for key in ("ways", "any_name", "unknown"))
    held_out = ", ".join(f"{k}-way {ways[k]['held_out_family']['slot']:.3f}" for k in ways)
    decoded, short = (f"{names['all'][key]:.3f}" for key in ("decoded", "decoded_12"))
    pictograms, line_art = (f"{unknown[key]['false_naming_at_90']:.3f}" for key in ("pictograms", "line_art"))
    return f"""
Mean of training seeds {", ".join(map(str, metrics["seeds"]["trained"]))}: {held_out} (never trained on); names decoded {decoded},
of at most 12 tokens {short}; where 90 % of the taught things are named, of the others {pictograms} (line art {line_art}).
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/ultra_tiny"), help="a finished run")
    parser.add_argument(
        "--seeds", type=Path, nargs="+", default=[], help="evaluated runs with other seeds: the figures' mean"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of `pipeline.py data`")
    parser.add_argument("--name", default="ultra_tiny", help="the model is written to models/NAME")
    parser.add_argument("--device-only", action="store_true", help="leave out what only evaluating the run again needs")
    parser.add_argument("--pictures", action="store_true", help="also make the pictures of tests/fixtures")
    args = parser.parse_args()
    from convert.model_folder import write_model
    from convert.origin import trained
    from model.data.files import read_json, write_text
    from model.data.pictograms import load_dataset
    from model.saved_run import COMPACT, CONFIG, DATA, load_compact, save_compact

    folder = ROOT / "models" / args.name
    origin = trained(args.run, args.data)
    kept = {name: (args.run / name).read_text(encoding="utf-8") for name in (CONFIG, DATA)}
    metrics = read_json(args.run / "metrics.json") if (args.run / "metrics.json").exists() else {}
    dataset = load_dataset(origin.model.config, args.data, read_json(args.run / DATA)["split"])
    with tempfile.TemporaryDirectory() as temporary:  # what is converted is what can be read back, to the last bit
        compact = Path(temporary) / COMPACT
        save_compact(compact, origin.model)
        load_compact(compact, origin.model)
        report = write_model(
            origin.model, origin.tokenizer, origin.vision, folder, origin.refusal, device_only=args.device_only
        )
        if not args.device_only:
            shutil.copy(compact, folder / COMPACT)
    for name, text in kept.items():
        write_text(folder / name, text)
    if "photos" not in metrics or metrics["asked"] == "keras":
        metrics |= evaluated(folder, dataset, args.data)
    if args.seeds:
        metrics |= over_seeds([metrics, *(read_json(run / "metrics.json") for run in args.seeds)])
    write_text(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    write_text(
        folder / "MODEL_CARD.md",
        model_card(args.name, origin.model.config, metrics, report["totals"], not args.device_only),
    )
    if args.pictures:
        save_fixtures(dataset)
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
