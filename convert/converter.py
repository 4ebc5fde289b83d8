"""A graph -> a flatbuffer: TensorFlow's converter with composite fusion, then convert/flatbuffer.py."""

from __future__ import annotations

import tensorflow as tf

from convert.flatbuffer import finish
from convert.functional import target
from convert.graphs import GraphSpec


def convert(spec: GraphSpec) -> bytes:
    """Convert one graph. The converter needs a trackable object: only through a saved model does it see the composites."""
    signature = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in {**spec.inputs, **spec.variables}.items()
    }

    def traced(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        with target(spec.layout):
            return spec.build(**tensors)

    module = tf.Module()
    module.function = tf.function(traced, autograph=False)
    concrete = module.function.get_concrete_function(**signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.allow_custom_ops = True
    return finish(converter.convert(), spec)
