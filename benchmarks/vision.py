#!/usr/bin/env python3
"""The int8 vision network on the emulated Cortex-M7: instructions, RAM and flash of a picture; its bits beside TensorFlow Lite's.

    python benchmarks/vision.py [--size 128] [--pictures 200]

Builds EfficientNet-Lite0 to its sixth stage from the packaged weights (data/ of `pipeline.py data`), int8 to the ends, and
generates its C; CMSIS-NN (PyPI's bakenn) runs the same network layer by layer. The map of every picture must be TensorFlow
Lite's reference's, bit for bit: on this machine for all of them, on the emulated M7 for four. Instructions are exact and
repeatable (QEMU's -icount); they are not cycles. Writes benchmarks/results/vision.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CALIBRATION = 256
SEED = 21


def drawings(data: Path, size: int, count: int) -> tuple[list, object]:
    """Training drawings, float32 [1, size, size, 3] each; other drawings, int8 [count, size, size, 3]."""
    import numpy as np
    from PIL import Image

    from bitmar.image_file import open_image
    from bitmar.picture import square_on_white
    from model.data.splits import trains_in_every_split

    table = json.loads((data / "pictograms.json").read_text())
    random, rows = np.random.default_rng(SEED), [(s, c) for s in table["sets"] for c in table["drawings"][s]]
    trained = [row for row in rows if table["sets"][row[0]] == "train" and trains_in_every_split(row[1])]
    others = sorted(set(rows) - set(trained))

    def prepared(row: tuple[str, str]) -> np.ndarray:
        image = square_on_white(open_image(data / "pictures" / row[0] / f"{row[1]}.png"))
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), np.int16)

    def some(of: list[tuple[str, str]], n: int) -> np.ndarray:
        return np.stack([prepared(of[i]) for i in random.permutation(len(of))[:n]])

    calibration = [((picture.astype(np.float32) - 128) / 128)[None] for picture in some(trained, CALIBRATION)]
    return calibration, (some(others, count) - 128).astype(np.int8)


def measure(size: int, count: int, folder: Path) -> dict:
    """Build, generate, compare, count."""
    import numpy as np

    from benchmarks import vision_cmsis
    from convert.aot.vision.generate import generate_vision
    from convert.aot.vision.network import load
    from model.data import lite0
    from tests.convert.vision_build import reference_maps, run_c
    from tests.kernels.build import HOST, TARGETS

    data, path = ROOT / "data", folder / "map.tflite"
    package = next((data / "downloads").glob("efficientnet_lite0*.whl"))
    calibration, pictures = drawings(data, size, count)
    lite0.convert_map(lite0.weights_of(package), size, path, calibration, lite0.read_trained())
    expected = reference_maps(path, pictures)
    _, found = run_c(path, pictures, HOST, folder)
    different = int((found[0] != expected).any((1, 2, 3)).sum())
    counts, found = run_c(path, pictures[:4], TARGETS["cortex-m7"], folder)
    different_m7 = int((found != np.broadcast_to(expected[:4], found.shape)).any((2, 3, 4)).sum())
    report = generate_vision(path, folder, "vision_net")
    cmsis, found = vision_cmsis.run(load(path), pictures[:1], folder)
    return {
        "size": size,
        "pictures": count,
        "different_from_reference": different,
        "different_from_reference_m7": different_m7,
        "instructions": counts["dsp"],
        "instructions_portable": counts["portable"],
        "instructions_cmsis_nn": cmsis,
        "different_from_reference_cmsis_nn": int((found != expected[:1]).any((1, 2, 3)).sum()),
        "ram": report["arena_bytes"],
        "ram_lower_bound": report["arena_lower_bound"],
        "flash_constants": report["constants_bytes"],
        "tflite_bytes": path.stat().st_size,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="side of the picture in pixels, a multiple of 32")
    parser.add_argument("--pictures", type=int, default=200, help="drawings compared with the reference")
    options = parser.parse_args()
    if not (ROOT / "data" / "pictograms.json").is_file():
        print("error: data/pictograms.json is missing, expected the data of `pipeline.py data`", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.size, options.pictures, Path(folder))
    (ROOT / "benchmarks" / "results" / "vision.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 1 if result["different_from_reference"] or result["different_from_reference_m7"] else 0


if __name__ == "__main__":
    sys.exit(main())
