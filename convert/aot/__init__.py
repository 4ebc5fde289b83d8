"""Ahead-of-time plan: the three .tflite files of a model become readable C for boards without an interpreter.

`python -m convert.aot MODEL OUT` or `generate(model, out)` writes bitmar_model.{h,c}, bitmar_model_data.S and the weights.
Needs nothing but the standard library and NumPy: the firmware's build uses it on machines without TensorFlow.
"""

from convert.aot.generate import generate

__all__ = ["generate"]
