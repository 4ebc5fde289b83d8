"""Property: TensorFlow Lite Micro's interpreter, with the firmware's ops, gives the bits of the Pi's runtime.

It runs in processes of their own (deploy/tflm_host.py); the arena found by bisection is the smallest that works.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitmar.engine import Engine, cache_slot
from deploy import tflm_arena, tflm_host
from tests.bitmar import op_cases
from tests.bitmar.graph_file import GraphFile
from tests.kernels import spec
from tests.mcu.conftest import ROOT, seeded_picture

STEPS = 72  # longer than the window of 64

pytestmark = pytest.mark.skipif(not tflm_host.available(), reason="tflite-micro has wheels for CPython 3.11 only")

RUN = """
import sys
from pathlib import Path
import numpy as np
from deploy.tflm_host import Interpreter
path, given, out, outputs = Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3], int(sys.argv[4])
steps, names = int(given["steps"]), [str(name) for name in given["names"]]
interpreter, results = Interpreter(path, 1 << 22), []
for step in range(steps):
    results.append(interpreter.run([given[name][step] for name in names], outputs))
np.savez(out, **{f"o{i}": np.stack([r[i] for r in results]) for i in range(outputs)})
"""


def run_tflm(graph: Path, inputs: dict[str, np.ndarray], outputs: int, folder: Path) -> list[np.ndarray]:
    """Each step's outputs for inputs [steps, ...], in one process."""
    given, out = folder / "given.npz", folder / "out.npz"
    np.savez(given, steps=len(next(iter(inputs.values()))), names=list(inputs), **inputs)
    command = [sys.executable, "-c", RUN, str(graph), str(given), str(out), str(outputs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(out) as results:
        return [results[f"o{i}"] for i in range(outputs)]


RUN_CASES = """
import sys
from pathlib import Path
import numpy as np
from deploy.tflm_host import Interpreter
for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
    given, interpreter, results = np.load(path.with_suffix(".npz")), Interpreter(path, 1 << 20), {}
    names = list(dict.fromkeys(key.split("/")[1] for key in given.files))
    outputs = int(path.stem.startswith("topk")) + 1
    for step in range(len(given.files) // len(names)):
        found = interpreter.run([given[f"{step}/{name}"] for name in names], outputs)
        results |= {f"{step}/{i}": value for i, value in enumerate(found)}
    np.savez(Path(sys.argv[2]) / path.with_suffix(".npz").name, **results)
"""


def test_every_op_has_the_bits_of_the_specification(tmp_path: Path) -> None:
    cases = op_cases.all_cases()
    folder, results = tmp_path / "cases", tmp_path / "results"
    folder.mkdir(), results.mkdir()
    for case in cases:
        case.write(folder)
    command = [sys.executable, "-c", RUN_CASES, str(folder), str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for case in cases:
        with np.load(results / f"{case.name}.npz") as found:
            for step, expected in enumerate(case.expected):
                for i, value in enumerate(expected.values()):
                    assert same(found[f"{step}/{i}"], value), (case.name, step, i)


REFUSED = {
    "another version": ({"version": 2}, {}, "version 2, expected 1"),
    "a missing attribute": ({"activation": None}, {}, "attribute 'activation' is missing"),
    "columns that do not fit": ({}, {0: (3, 9)}, "input 0 has 9 columns, expected 8"),
    "an output that does not fit": ({}, {3: (3, 21)}, "output 0 has 63 elements, expected 60"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_op_is_refused_by_name(case: str, tmp_path: Path) -> None:
    changes, shapes, message = REFUSED[case]
    w = op_cases.ternary(np.random.default_rng(3), 20, 8)
    attrs = op_cases.matrix_attrs(w, spec.B3, activation=0) | changes
    graph = GraphFile()
    inputs = [
        graph.input("x", "float32", (3, 8)),
        *op_cases.add_matrix(graph, w, np.array([0.5], np.float32), spec.B3),
    ]
    attrs = {name: value for name, value in attrs.items() if value is not None}
    graph.op("BITMAR_TERNARY_FC", inputs, {"y": "float32"}, attrs)
    for index, shape in ({3: (3, 20)} | shapes).items():
        graph.tensors[index].shape = np.array(shape, np.int32)
    program = "import sys; from deploy.tflm_host import Interpreter; Interpreter(sys.argv[1], 1 << 16)"
    command = [sys.executable, "-c", program, str(graph.write(tmp_path / "fc.tflite"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and f"BITMAR_TERNARY_FC: {message}" in done.stderr, done.stderr


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return np.asarray(left).tobytes() == np.asarray(right).tobytes()


def test_encoder(model: Path, engine: Engine, tmp_path: Path) -> None:
    size, texts = engine.model.max_tokens, [[], [5, 17, 200], list(range(3, 33))]
    tokens, mask = np.full((3, size), engine.model.pad, np.int32), np.zeros((3, size), np.int32)
    for row, text in enumerate(texts):
        tokens[row, : len(text)], mask[row, : len(text)] = text, 1
    vision = np.stack([seeded_picture(0).features(), seeded_picture(1).features(), np.zeros((1, 768), np.float32)])
    found = run_tflm(model / "encoder.tflite", {"tokens": tokens, "mask": mask, "vision": vision}, 4, tmp_path)
    for row, text in enumerate(texts):
        expected = engine.encode(text, seeded_picture(row) if row < 2 else None)
        for name, got in zip(("episode", "key", "query", "latent"), found, strict=True):
            assert same(got[row], getattr(expected, name)), (name, text)


def test_recall(model: Path, engine: Engine, tmp_path: Path) -> None:
    k, dim = engine.model.top_k, engine.model.episode_dim
    rng = np.random.default_rng(3)
    scores = rng.uniform(-1, 1, (k + 1, k)).astype(np.float32)
    slots = rng.normal(size=(k + 1, k, dim)).astype(np.float32)
    mask = np.array([[i < filled for i in range(k)] for filled in range(k + 1)], np.int32)
    found = run_tflm(model / "recall.tflite", {"scores": scores, "slots": slots, "mask": mask}, 1, tmp_path)[0]
    for row in range(k + 1):
        assert same(found[row], engine.recall(scores[row], slots[row], mask[row]))


def test_decoder_keeps_its_caches(model: Path, engine: Engine, tmp_path: Path) -> None:
    latent = engine.encode([], seeded_picture(4)).latent
    context = np.random.default_rng(5).normal(size=engine.no_context().shape).astype(np.float32)
    steps = engine.steps(context, latent)
    expected = [next(steps) for _ in range(STEPS)]
    tokens = [engine.model.bos, *(int(step.ids[0]) for step in expected[:-1])]
    places = [cache_slot(p, engine.model.window, engine.model.sinks) for p in range(STEPS)]
    inputs = {
        "token": np.array(tokens, np.int32)[:, None],
        "position": np.arange(STEPS, dtype=np.int32)[:, None],
        "slot": np.array(places, np.int32)[:, None],
        "context": np.repeat(context[None], STEPS, 0),
        "latent": np.repeat(latent[None], STEPS, 0),
    }
    ids, logits = run_tflm(model / "decoder.tflite", inputs, 2, tmp_path)
    for position, step in enumerate(expected):
        assert same(ids[position], step.ids) and same(logits[position], step.logits), position


def test_bisection_finds_the_smallest_arena(model: Path) -> None:
    path = model / "recall.tflite"
    size = tflm_arena.bisect(path)
    assert tflm_arena.allocates(path, size)
    assert not tflm_arena.allocates(path, size - tflm_arena.GRANULARITY)
