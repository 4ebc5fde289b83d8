"""Keras -> TensorFlow Lite flatbuffers with BITMAR_* ops, packed weights, reports; and from those to C (convert.aot).

`convert.convert_keras_model(model)` is for models of one's own; inside `with convert.target(layout):` layers trace BITMAR_* ops.
"""

import importlib
from typing import Any

_HOME = {"target": "convert.functional", "convert_keras_model": "convert.keras_model"}


def __getattr__(name: str) -> Any:
    """Loads TensorFlow only for whoever asks: convert.aot runs on machines without it."""
    if name not in _HOME:
        raise AttributeError(f"module 'convert' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
