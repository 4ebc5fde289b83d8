"""A graph -> a flatbuffer: TensorFlow's converter with composite fusion, then convert/flatbuffer.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from bitmar.errors import BitmarError
from convert.flatbuffer import finish
from convert.graphs import GraphSpec


def convert(spec: GraphSpec) -> bytes:
    """Convert one graph. The converter needs a trackable object: only through a saved model does it see the composites.

    Raises: BitmarError: weights that are not finite, an op that is not accepted, or what TensorFlow's converter refuses.
    """
    signature = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in {**spec.inputs, **spec.variables}.items()
    }
    module = tf.Module()
    module.captured = spec.captured
    module.function = tf.function(spec.build, autograph=False)
    with errors_as_raised():
        concrete = module.function.get_concrete_function(**signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.allow_custom_ops = True
    with errors_in_one_line(spec.name):
        blob = converter.convert()
    return finish(blob, spec)


@contextmanager
def errors_in_one_line(name: str) -> Iterator[None]:
    """What TensorFlow's converter refuses of a graph called `name` becomes a BitmarError of one line."""
    try:
        yield
    except Exception as error:  # of several classes, some of them private
        raise BitmarError(f"{name}: TensorFlow's converter: {' '.join(str(error).split())[:200]}") from error


@contextmanager
def errors_as_raised() -> Iterator[None]:
    """Keras rewrites an error that leaves a layer into a paragraph with the call's arguments: not ours, which are one line."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
