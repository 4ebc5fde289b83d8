"""Runs flatbuffers through the runtime of the Python that starts it and writes every output.

    python run_graphs.py FOLDER OUT

FOLDER holds pairs NAME.tflite and NAME.npz with arrays "STEP/INPUT"; OUT gets NAME.npz with "STEP/OUTPUT". Needs NumPy
and a runtime only: it also runs in the environment of tflite-runtime and under emulation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def run_case(graph_file: Path, out: Path) -> None:
    from bitmar.runtime import Graph

    graph = Graph(graph_file)
    with np.load(graph_file.with_suffix(".npz")) as arrays:
        steps: dict[int, dict[str, np.ndarray]] = {}
        for key in arrays.files:
            step, name = key.split("/")
            steps.setdefault(int(step), {})[name] = arrays[key]
    results = {}
    for step in sorted(steps):
        for name, value in graph.run(**steps[step]).items():
            results[f"{step}/{name}"] = value
    np.savez(out / graph_file.with_suffix(".npz").name, **results)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for graph_file in sorted(folder.glob("*.tflite")):
        run_case(graph_file, out)


if __name__ == "__main__":
    main()
