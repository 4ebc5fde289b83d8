"""Counts the int8 roundings that fall differently in Keras and in the flatbuffers, matrix by matrix.

Both sides quantise the input of every ternary matrix to int8. Their float parts (norms, softmax, residual sums) add in different
orders, so a number close to a rounding boundary may become the neighbouring code: a flip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bitmar.native import library
from bitmar.runtime import pick_runtime
from convert.functional import WEIGHTS, layer_of
from convert.reader import op_name, parse
from model.layers import TernaryDense, TernaryEmbedding
from tests.kernels import spec

Recorded = dict[str, list[np.ndarray]]


def layer_name(layer: TernaryDense | TernaryEmbedding) -> str:
    """The layer's name in the flatbuffers."""
    return layer_of(layer.kernel if isinstance(layer, TernaryDense) else layer.embeddings)


@contextmanager
def recording_keras() -> Iterator[Recorded]:
    """While it lasts, the inputs of all ternary matrices are appended by name; run models eagerly."""
    recorded = defaultdict(list)
    originals = {TernaryDense: TernaryDense.call, TernaryEmbedding: TernaryEmbedding.logits}

    def call(layer: TernaryDense, x: Any) -> Any:
        recorded[layer_name(layer)].append(keras.ops.convert_to_numpy(x))
        return originals[TernaryDense](layer, x)

    def logits(layer: TernaryEmbedding, x: Any) -> Any:
        recorded[layer_name(layer)].append(keras.ops.convert_to_numpy(x))
        return originals[TernaryEmbedding](layer, x)

    TernaryDense.call, TernaryEmbedding.logits = call, logits
    try:
        yield recorded
    finally:
        TernaryDense.call, TernaryEmbedding.logits = originals[TernaryDense], originals[TernaryEmbedding]


class RecordingGraph:
    """A flatbuffer whose intermediate tensors stay readable: `inputs()` gives what each ternary matrix was fed."""

    def __init__(self, path: Path) -> None:
        module = pick_runtime()[1]
        self.delegate = module.load_delegate(str(library.checked_path()))
        self.interpreter = module.Interpreter(
            model_path=str(path),
            experimental_delegates=[self.delegate],
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        self.interpreter.allocate_tensors()
        model = parse(path.read_bytes(), path.name)
        graph = model.subgraphs[0]
        self.fed = {
            graph.tensors[op.inputs[1]].name.decode().removesuffix(WEIGHTS): int(op.inputs[0])
            for op in graph.operators
            if op_name(model, op) in ("BITMAR_TERNARY_FC", "BITMAR_TERNARY_TOPK", "BITMAR_TERNARY_CLASS_TOPK")
        }

    def run(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        for detail in self.interpreter.get_input_details():
            self.interpreter.set_tensor(detail["index"], values[detail["name"]])
        self.interpreter.invoke()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}

    def inputs(self) -> dict[str, np.ndarray]:
        """float32 [..., cols] by matrix."""
        return {name: self.interpreter.get_tensor(tensor) for name, tensor in self.fed.items()}


def flips(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int, int]:
    """(codes that differ, codes, largest difference) of two float32 inputs of one matrix, [..., cols]."""
    codes = [spec.absmax_quantise(x)[0].astype(np.int32) for x in (ours.reshape(theirs.shape), theirs)]
    difference = np.abs(codes[0] - codes[1])
    return int((difference != 0).sum()), difference.size, int(difference.max(initial=0))
