"""Which layers a Keras model of one's own may have, and what each becomes. docs/own-models.md has the same list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras
import numpy as np
import tensorflow as tf

from bitmar.errors import BitmarError
from convert import composites
from convert.functional import CompositeFunctions, layer_of
from model.word_classes import WordClasses

OURS = {
    "TernaryDense": "BITMAR_TERNARY_FC",
    "TernaryEmbedding": "BITMAR_TERNARY_EMBEDDING; as output head BITMAR_TERNARY_FC, BITMAR_TERNARY_TOPK or "
    "BITMAR_TERNARY_CLASS_TOPK",
    "RMSNorm": "BITMAR_RMS_NORM",
    "Attention": "BITMAR_TERNARY_FC, BITMAR_ATTENTION",
    "FeedForward": "BITMAR_RMS_NORM, BITMAR_TERNARY_FC, ADD",
    "EncoderBlock": "what Attention and FeedForward become",
    "CrossBlock": "what Attention and FeedForward become",
}
KERAS = {
    "TernaryDense": "BITMAR_TERNARY_FC, ADD, RELU (merged into Keras, in no release yet)",
    "Functional": "its layers",
    "Sequential": "its layers",
    "InputLayer": "an input",
    "Add": "ADD",
    "Subtract": "SUB",
    "Multiply": "MUL",
    "Concatenate": "CONCATENATION",
    "Reshape": "RESHAPE",
    "Flatten": "RESHAPE",
    "ReLU": "RELU (without max_value, slope or threshold)",
    "Activation": "RELU for 'relu', nothing for 'linear'",
    "Rescaling": "MUL, ADD",
    "BatchNormalization": "MUL, ADD with the moving statistics",
    "Identity": "nothing",
    "Dropout": "nothing",
    "SpatialDropout1D": "nothing",
    "GaussianNoise": "nothing",
    "GaussianDropout": "nothing",
    "ActivityRegularization": "nothing",
}
PLAIN = {  # options with only some values
    "Activation": {"activation": ("relu", "linear")},
    "ReLU": {"max_value": (None,), "negative_slope": (0.0,), "threshold": (0.0,)},
}
# Beside BITMAR_*: exact element by element or moving data only, so the same bits everywhere; with the newest version that
# tflite-runtime 2.14 has. All of them have an ahead-of-time form in convert/aot.
BUILTINS = {
    "ADD": 1,
    "SUB": 1,
    "MUL": 1,
    "RELU": 1,
    "CAST": 1,
    "RESHAPE": 1,
    "GATHER": 1,
    "CONCATENATION": 1,
    "SLICE": 1,
    "STRIDED_SLICE": 1,
    "EXPAND_DIMS": 1,
    "SQUEEZE": 1,
}


def check_layers(model: keras.Model, where: str) -> None:
    """Raises BitmarError naming the first layer that cannot be converted, and what is accepted.

    A class that is neither ours nor Keras's may hold accepted layers; what its own code computes is checked by its ops.
    """
    for layer in model._flatten_layers(include_self=False):
        kind, origin = type(layer).__name__, type(layer).__module__.partition(".")[0]
        known = {"model": OURS, "keras": KERAS}.get(origin)
        holds = bool(list(layer._flatten_layers(include_self=False)))
        if not (kind in known if known is not None else holds):
            raise BitmarError(
                f"{where}: layer '{layer.name}' ({kind}) cannot be converted; accepted are {', '.join(OURS)} of model.layers "
                f"and {', '.join(KERAS)} of keras.layers"
            )
        if layer.compute_dtype not in ("float32", "int32"):
            raise BitmarError(
                f"{where}: layer '{layer.name}' ({kind}) computes in {layer.compute_dtype}, expected float32"
            )
        config = layer.get_config() if origin == "keras" else {}
        for option, accepted in PLAIN.get(kind, {}).items():
            if config[option] not in accepted:
                raise BitmarError(
                    f"{where}: layer '{layer.name}' ({kind}) has {option} {config[option]!r}, expected {accepted[0]!r}"
                )


class KerasFunctions(CompositeFunctions):
    """The composites for models that keep their batch axis, of size 1: [1, T, n] goes into an op as [T, n] and comes back."""

    def ternary_embedding(self, ids: tf.Tensor, table: keras.Variable) -> tf.Tensor:
        """The op for ids of any shape."""
        rows = super().ternary_embedding(tf.reshape(ids, (-1,)), table)
        return tf.reshape(rows, (*ids.shape, table.shape[-1]))

    def top_k(self, x: tf.Tensor, table: keras.Variable, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The op for one token, whatever axes of size 1 stand before it. Raises BitmarError for several."""
        return _as_token(x, super().top_k(_token(x, table), table, k))

    def class_top_k(
        self, x: tf.Tensor, table: keras.Variable, class_logits: tf.Tensor, k: int, classes: WordClasses
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `top_k`."""
        class_logits = tf.reshape(class_logits, (1, classes.count))
        return _as_token(x, super().class_top_k(_token(x, table), table, class_logits, k, classes))

    def attention(self, q: tf.Tensor, kv: tf.Tensor | None, heads: int, allowed: tf.Tensor | None = None) -> tf.Tensor:
        """The op of [T, n]. Raises BitmarError for a mask that is not one of keys, which is all the op has."""
        if allowed is not None:
            keys = (q if kv is None else kv).shape[-2]
            if allowed.shape.num_elements() != keys or allowed.dtype != tf.int32:
                raise BitmarError(
                    f"attention: the mask is {allowed.dtype.name} {allowed.shape}, expected int32 [1, {keys}], the same keys for "
                    f"every query (a causal mask is none)"
                )
            allowed = tf.reshape(allowed, (keys,))
        mixed = super().attention(_rows(q), None if kv is None else _rows(kv), heads, allowed)
        return tf.reshape(mixed, (*q.shape[:-1], mixed.shape[-1]))

    def ternary_dense_of_keras(self, layer: keras.Layer, x: tf.Tensor) -> tf.Tensor:
        """keras.layers.TernaryDense by the formula that its documentation states, its input rounded to int8 as every op's is.

        codes = sign(kernel) where |kernel| > threshold, else 0; y = activation(beta * (x . codes) + bias). Without a threshold it
        is mean|kernel| / 2 and beta = mean|kernel|; with one, beta = 1.
        """
        name = layer_of(layer.kernel)
        activation = getattr(layer.activation, "__name__", "linear")
        if activation not in ("linear", "relu"):
            raise BitmarError(f"{name}: activation is '{activation}', expected None or 'relu'")
        with tf.init_scope():
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            bias = None if layer.bias is None else keras.ops.convert_to_numpy(layer.bias)
            size = np.abs(kernel)
            mean = size.mean(dtype=np.float32)
            codes = np.sign(kernel) * (size > (0.5 * mean if layer.threshold is None else layer.threshold))
            gamma = mean if layer.threshold is None else np.float32(1)
        attributes, weights = self._packed(name, codes.astype(np.int8).T, np.array([gamma], np.float32))
        y = composites.ternary_fc(*attributes, 0)(x, *weights)
        if bias is not None:
            y = y + self._constant(f"{name}/bias", bias)
        return tf.nn.relu(y) if activation == "relu" else y


def _token(x: tf.Tensor, table: keras.Variable) -> tf.Tensor:
    """One token [..., n] -> [1, n]. Raises BitmarError for several."""
    if x.shape.num_elements() != x.shape[-1]:
        raise BitmarError(f"{layer_of(table)}: top_k of {x.shape} tokens, expected one token at a time")
    return tf.reshape(x, (1, x.shape[-1]))


def _as_token(x: tf.Tensor, best: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """(ids, logits) [k] with the axes that x has before its last one."""
    ids, logits = (tf.reshape(part, (*x.shape[:-1], part.shape[-1])) for part in best)
    return ids, logits


def _rows(x: tf.Tensor) -> tf.Tensor:
    """[1, T, n] -> [T, n]."""
    if x.shape.rank != 3:
        raise BitmarError(f"attention: input of shape {x.shape}, expected [1, T, width]")
    return tf.reshape(x, x.shape[1:])


def is_ternary_dense_of_keras(layer: keras.Layer) -> bool:
    """By its class: Keras's own, in whichever of its modules it lies."""
    return type(layer).__name__ == "TernaryDense" and type(layer).__module__.partition(".")[0] == "keras"


@contextmanager
def ternary_dense_converted(model: keras.Model, functions: KerasFunctions) -> Iterator[None]:
    """While it lasts, Keras's own TernaryDense layers of the model trace the op instead of their float product."""
    with ExitStack() as stack:
        for layer in filter(is_ternary_dense_of_keras, model._flatten_layers()):
            if getattr(layer, "quantization_mode", None):
                raise BitmarError(f"layer '{layer.name}' (TernaryDense) is quantized, expected it as it trains")
            layer.call = lambda x, layer=layer: functions.ternary_dense_of_keras(layer, x)
            stack.callback(delattr, layer, "call")
        yield
