"""A whole answer in one call into libbitmar.so: the greedy loop over the decoder's graph runs there, not in Python."""

from __future__ import annotations

import ctypes

import numpy as np

from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder
from bitmar.native import library
from bitmar.runtime import Graph

NEVER = -1  # as <eos>: a stream ends at its limit
TENSORS = ("token", "position", "slot", "context", "latent", "ids")
FIELDS = (*TENSORS, "context_floats", "latent_floats", "bos", "eos", "window", "sinks")
REASONS = {  # bitmar/native/decode.h
    -1: "its graph is not loaded",
    -2: "inputs or outputs of another type or size than model.json says",
    -3: "out of memory",
    -4: "an op refused its input",
}


class DecoderGraph(ctypes.Structure):
    """DecoderGraph of bitmar/native/decode.h."""

    _fields_ = [(name, ctypes.c_int32) for name in FIELDS]


class GreedyDecoder:
    """The decoder's graph, bound once; not for two threads at once."""

    def __init__(self, graph: Graph, model: ModelFolder):
        self.graph, self.model = graph, model
        self.shapes = {name: graph.shape(name) for name in ("context", "latent")}
        self.decode = library.load().bm_decode
        self.decode.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(DecoderGraph),
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int32,
            ctypes.c_void_p,
        ]

    def tokens(self, context: np.ndarray, latent: np.ndarray, limit: int, eos: int) -> list[int]:
        """Greedy tokens from <bos> until `eos` (left out), at most `limit`. float32 context [1, D], latent [1, L].

        Raises:
          BitmarError: arrays of another shape or type, or an op that refuses its input.
        """
        for name, value in (("context", context), ("latent", latent)):
            if value.shape != self.shapes[name] or value.dtype != np.float32:
                raise BitmarError(
                    f"{name}: {value.dtype} {list(value.shape)}, expected float32 {list(self.shapes[name])}"
                )
        context, latent = np.ascontiguousarray(context), np.ascontiguousarray(latent)
        tensors = self.graph.inputs | self.graph.outputs
        about = DecoderGraph(
            *(tensors[name] for name in TENSORS),
            context.size,
            latent.size,
            self.model.bos,
            eos,
            self.model.window,
            self.model.sinks,
        )
        found = np.empty(limit, np.int32)
        count = self.decode(
            self.graph.delegate._get_native_delegate_pointer(),
            about,
            context.ctypes.data,
            latent.ctypes.data,
            limit,
            found.ctypes.data,
        )
        if count < 0:
            raise BitmarError(f"{self.graph.file}: {REASONS[count]}")
        return found[:count].tolist()
