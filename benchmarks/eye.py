#!/usr/bin/env python3
"""Which eye: the data's own network, whose last stage was trained on drawings, beside those with ImageNet's weights alone of 128,
144 and 160 px, all with object-centred pooling; and what the runtime's accelerator changes.

    python benchmarks/eye.py [--sizes 128 144 160] [--reference 100]

Raw nearest neighbour and LDA (fitted on training drawings), 16 ways: held-out drawings, line art, photographs in front of
backgrounds (those of `eval --photos`). `--reference`: of so many photographed things the map is computed by TensorFlow Lite's
reference kernels too, which are the board's arithmetic, and the answers of both are compared. Writes benchmarks/results/eye.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: E402

from bitmar.eye import FEATURES, NETWORK, POOLING, SIZE, pool, prepare, read_pooling  # noqa: E402
from bitmar.image_file import open_image  # noqa: E402
from bitmar.picture import square_on_white  # noqa: E402
from model import discriminant  # noqa: E402
from model.config import load_config  # noqa: E402
from model.data import lite0, photos  # noqa: E402
from model.data.calibration import in_front  # noqa: E402
from model.data.dataset import Dataset  # noqa: E402
from model.data.download import unpack_debian  # noqa: E402
from model.data.packages import TUXPAINT  # noqa: E402
from model.data.pictograms import load_dataset  # noqa: E402
from model.data.progress import progress  # noqa: E402
from model.evaluation.photos import ROWS  # noqa: E402
from model.evaluation.questions import make_questions  # noqa: E402
from model.evaluation.ways import best_slots  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "eye.json"
CALIBRATION, QUESTIONS, SEED, DIMS = 64, 4000, 5, 128


def squared(image: Image.Image, size: int) -> np.ndarray:
    """int8 [size, size, 3]: a cut-out centred on white, a photograph's middle; area average."""
    if image.mode == "RGBA":
        image = square_on_white(image)
    else:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.convert("RGB").crop((left, top, left + side, top + side))
    return (np.asarray(image.resize((size, size), Image.Resampling.BOX), np.int16) - 128).astype(np.int8)


class Network:
    """A flatbuffer of one size; `reference`: without the accelerator and the optimised kernels."""

    def __init__(self, path: Path, reference: bool = False) -> None:
        kind = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF} if reference else {}
        self.interpreter = Interpreter(model_path=str(path), num_threads=1, **kind)
        self.interpreter.allocate_tensors()
        (self.input,), (self.output,) = self.interpreter.get_input_details(), self.interpreter.get_output_details()

    def cells(self, pixels: np.ndarray) -> np.ndarray:
        """int8 [n, n, 192]"""
        self.interpreter.set_tensor(self.input["index"], pixels[None])
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"])[0]

    def pooled(self, pixels: np.ndarray) -> np.ndarray:
        """float32 [768], not standardised."""
        zero, one = np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32)
        return pool(self.cells(pixels), int(self.output["quantization"][1]), one, zero)


def convert(size: int, package: Path, drawings: list[Image.Image], path: Path) -> None:
    """The network with ImageNet's weights in int8, calibrated as the shipped one is."""
    random = np.random.default_rng(SEED)
    seen = [squared(image, size) for image in drawings]
    if size == SIZE:  # in_front() is made for the shipped size
        seen[::3] = [in_front(pixels, random) for pixels in seen[::3]]
    lite0.convert_map(
        lite0.weights_of(package), size, path, [(pixels.astype(np.float32) / 128)[None] for pixels in seen]
    )


def slots(rows: np.ndarray, pairs: np.ndarray, thing: np.ndarray) -> float:
    """Share of the asked rows whose own thing is nearest among 16."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    questions = make_questions(pairs, thing, 16, QUESTIONS, SEED)
    return round(float((best_slots(unit, questions) == questions.answer).mean()), 4)


def figures(
    drawn: dict[int, np.ndarray], seen: np.ndarray, dataset: Dataset, trained: np.ndarray, asked: dict[str, np.ndarray]
) -> dict[str, Any]:
    """{row: {"nearest", "lda"}}; drawn: features by drawing; seen: features [things, VIEWS, 768]; asked: pairs by row."""
    x = np.stack([drawn[i] for i in trained])
    mean, std = x.mean(0), x.std(0) + 1e-3
    matrix = discriminant.fit(discriminant.rms_normalised((x - mean) / std), dataset.concept[trained], DIMS)
    plain = np.zeros((len(dataset.concept), FEATURES), np.float32)
    for i, row in drawn.items():
        plain[i] = (row - mean) / std
    seen, report = (seen - mean) / std, {}
    for name, pairs in asked.items():
        lda = discriminant.rms_normalised(plain) @ matrix
        used = np.unique(pairs)
        place = np.full(len(plain), -1)
        place[used] = np.arange(len(used))
        report[name] = {
            kind: slots(rows[used], place[pairs], dataset.concept[used])
            for kind, rows in (("nearest", plain), ("lda", lda))
        }
    count = len(seen)
    pairs, thing = np.arange(2 * count).reshape(2, count).T, np.tile(np.arange(count), 2)
    for name, (taught, asked) in ROWS.items():
        report[name] = {}
        for kind in ("nearest", "lda"):
            views = seen if kind == "nearest" else discriminant.rms_normalised(seen.reshape(-1, FEATURES)) @ matrix
            views = views.reshape(count, photos.VIEWS, -1)
            views = views / np.linalg.norm(views, axis=2, keepdims=True)
            rows = np.concatenate([views[:, taught].mean(1), views[:, asked]])
            report[name][kind] = slots(rows, pairs, thing)
    return report


def against_reference(data: Path, views: list[list[Image.Image]]) -> dict[str, Any]:
    """The data's network in the accelerator and in the reference kernels: camera -> camera, nearest neighbour."""
    (first,), second = ROWS["camera_camera"]
    fast, exact = Network(data / NETWORK), Network(data / NETWORK, reference=True)
    scale, shift = read_pooling(data / POOLING)
    zero, count = int(fast.output["quantization"][1]), len(views)
    pixels = [prepare(seen[view]) for view in (first, second) for seen in views]
    cells = [(fast.cells(p), exact.cells(p)) for p in progress(pixels, "reference kernels")]
    rows = [np.stack([pool(pair[kind], zero, scale, shift) for pair in cells]) for kind in (0, 1)]
    unit = [r / np.linalg.norm(r, axis=1, keepdims=True) for r in rows]
    pairs, thing = np.arange(2 * count).reshape(2, count).T, np.tile(np.arange(count), 2)
    questions = make_questions(pairs, thing, 16, QUESTIONS, SEED)
    best = [best_slots(u, questions) for u in unit]
    return {
        "pictures": len(pixels),
        "cells_differ": round(float(np.mean([(a != b).mean() for a, b in cells])), 4),
        "cosine": round(float((unit[0] * unit[1]).sum(1).mean()), 5),
        "answers_differ": round(float((best[0] != best[1]).mean()), 4),
        "accelerated": round(float((best[0] == questions.answer).mean()), 4),
        "reference": round(float((best[1] == questions.answer).mean()), 4),
        "n": QUESTIONS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="folder of `pipeline.py data`")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 144, 160])
    parser.add_argument("--reference", type=int, default=100, help="photographed things that the reference sees too")
    parser.add_argument(
        "--trained", type=int, default=2500, help="training drawings that mean, deviation and LDA are of"
    )
    parser.add_argument("--concepts", type=int, default=1000, help="held-out concepts that are asked for")
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    photos.load(args.data)  # downloads, once
    dataset = load_dataset(load_config(ROOT / "configs/bitmar_ultra_tiny.yaml"), args.data, "final")
    random = np.random.default_rng(SEED)
    trained = np.sort(random.permutation(dataset.train_drawings())[: args.trained])
    counts = np.bincount(dataset.concept[trained], minlength=len(dataset.concepts))
    trained = trained[counts[dataset.concept[trained]] > 1]
    pairs = {"held_out": dataset.held_out_pairs(), "line_art": dataset.hard_style_pairs()}
    chosen = random.permutation(np.flatnonzero(dataset.held_out))[: args.concepts]
    pairs = {name: p[np.isin(dataset.concept[p[:, 0]], chosen)] for name, p in pairs.items()}
    asked = np.unique(np.concatenate([p.ravel() for p in pairs.values()]))
    needed = [int(i) for i in np.union1d(trained, asked)]
    files = {i: args.data / "pictures" / f"{dataset.reference(i)}.png" for i in needed}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack_debian(args.data / "downloads" / TUXPAINT.file_name, folder / "stamps", TUXPAINT)
        stamps = folder / "stamps" / photos.STAMPS
        most = None if args.sizes else args.reference  # all of them are needed for the sizes alone
        shown = [views for _, views in islice(photos.all_views(stamps), most)]
        package = next((args.data / "downloads").glob("efficientnet_lite0*.whl"))
        sample = [open_image(files[int(i)]).convert("RGBA") for i in trained[:: max(1, len(trained) // CALIBRATION)]]
        report: dict[str, Any] = {"things": len(shown), "trained_drawings": len(trained), "sizes": {}}
        if args.reference:
            report["reference"] = against_reference(args.data, shown[: args.reference])
            print(json.dumps(report["reference"]), flush=True)
            args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        networks = {"data": (SIZE, args.data / NETWORK)} if args.sizes else {}
        for size in args.sizes:
            networks[str(size)] = size, folder / f"{size}.tflite"
            convert(size, package, sample, networks[str(size)][1])
        for name, (size, network) in networks.items():
            eye = Network(network)
            drawn = {}
            for i in progress(needed, f"{name}: drawings"):
                drawn[i] = eye.pooled(squared(open_image(files[i]).convert("RGBA"), size))
            seen = [[eye.pooled(squared(view, size)) for view in views] for views in progress(shown, f"{name}: views")]
            report["sizes"][name] = figures(drawn, np.array(seen), dataset, trained, pairs)
            print(name, json.dumps(report["sizes"][name]), flush=True)
            args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
