"""Writes tests/pi_app/pictures.npz: 64 things in two artists' drawings, as `pipeline.py data` computed them.

    python tests/pi_app/make_pictures.py

Arrays: names str [64]; taught, asked int8 [64, 768]; taught_scale, asked_scale float32 [64]. Noto's emoji (Apache-2.0)
in their older and their newer drawing; every sixth thing of those that both sets have.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TAUGHT, ASKED, COUNT = "noto-v1", "noto", 64


def main() -> None:
    table = json.loads((ROOT / "data" / "pictograms.json").read_text())
    names = {concept["id"]: concept["name"] for concept in table["concepts"]}
    sets = [np.load(ROOT / "data" / "features" / f"lite0-{name}.npz") for name in (TAUGHT, ASKED)]
    rows = [{code: i for i, code in enumerate(archive["ids"])} for archive in sets]
    codes = sorted(code for code in rows[0] if code in rows[1] and code in names)
    codes = codes[:: len(codes) // COUNT][:COUNT]
    arrays: dict[str, np.ndarray] = {"names": np.array([names[code] for code in codes])}
    for key, archive, row in zip(("taught", "asked"), sets, rows, strict=True):
        chosen = [row[code] for code in codes]
        arrays |= {key: archive["q"][chosen], f"{key}_scale": archive["scale"][chosen]}
    np.savez_compressed(Path(__file__).with_name("pictures.npz"), **arrays)


if __name__ == "__main__":
    main()
