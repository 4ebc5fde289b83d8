"""Ahead-of-time plan: .tflite files become readable C for boards without an interpreter.

`python -m convert.aot MODEL --out DIR` or `generate(model, out)` writes bitmar_model.{h,c}, bitmar_model_data.S and the weights
of a converted BitMar; with one .tflite file, or by `generate_library(file, out)`, NAME.{h,c} of a model of one's own.
Needs nothing but the standard library and NumPy: the firmware's build uses it on machines without TensorFlow.
"""

from convert.aot.generate import generate
from convert.aot.library import generate_library

__all__ = ["generate", "generate_library"]
