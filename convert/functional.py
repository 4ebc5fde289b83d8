"""The functions of model/functional.py as BITMAR_* composites: inside `target(layout)` the model's layers trace a graph.

The graph is that of one sequence, without a batch axis where the layers have one; a batch axis of 1 is kept where it comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from bitmar.errors import BitmarError
from convert import composites
from convert.layouts import LAYOUTS, pack
from model.functional import KeyValueCache, replaced_by
from model.quantizers import ternary_codes
from model.word_classes import WordClasses

WEIGHTS, SCALE, GAIN, IDS = "/weights", "/gamma", "/gain", "/ids"  # what a constant's name ends with


@contextmanager
def target(layout: str) -> Iterator[None]:
    """While a graph is traced: the model's layers become BITMAR_* ops with weights packed in this layout ("b3" or "rm2")."""
    with replaced_by(CompositeFunctions(layout)):
        yield


def quantised(weights: keras.Variable, table: bool) -> tuple[np.ndarray, np.ndarray]:
    """Master weights as the model itself quantises them: codes int8 [rows, cols], gamma float32 [1]. Rows are outputs.

    Args: weights: a kernel [inputs, outputs] or, with `table`, an embedding table [rows, cols].
    """
    codes, gamma = ternary_codes(weights)
    codes = np.nan_to_num(codes.numpy()).astype(np.int8)  # gamma tells of a NaN
    return codes if table else codes.T, gamma.numpy().reshape(1)


def layer_of(variable: keras.Variable) -> str:
    """ "text/block_0/attention/qkv" of its variable "text/block_0/attention/qkv/kernel"."""
    return variable.path.rpartition("/")[0]


class CompositeFunctions:
    """For one graph: every weight becomes one named constant, used as often as needed. Docstrings: model/functional.py."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.constants: dict[tuple[str, bytes], tf.Tensor] = {}

    def ternary_fc(self, x: tf.Tensor, kernel: keras.Variable, activation: str | None = None) -> tf.Tensor:
        attributes, weights = self._matrix(kernel, table=False)
        return composites.ternary_fc(*attributes, int(activation == "squared_relu"))(x, *weights)

    def ternary_embedding(self, ids: tf.Tensor, table: keras.Variable) -> tf.Tensor:
        attributes, weights = self._matrix(table, table=True)
        return composites.ternary_embedding(*attributes)(ids, *weights)

    def ternary_logits(self, x: tf.Tensor, table: keras.Variable) -> tf.Tensor:
        attributes, weights = self._matrix(table, table=True)
        return composites.ternary_fc(*attributes, 0)(x, *weights)

    def logits_of_words(self, x: tf.Tensor, table: keras.Variable, words: tf.Tensor) -> tf.Tensor:
        """No graph of a device needs it: all words are computed."""
        return tf.gather(self.ternary_logits(x, table), words, axis=-1)

    def top_k(self, x: tf.Tensor, table: keras.Variable, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        attributes, weights = self._matrix(table, table=True)
        return composites.ternary_topk(*attributes, k)(x, *weights)

    def class_top_k(
        self, x: tf.Tensor, table: keras.Variable, class_logits: tf.Tensor, k: int, classes: WordClasses
    ) -> tuple[tf.Tensor, tf.Tensor]:
        attributes, weights = self._matrix(table, table=True)
        op = composites.ternary_class_topk(*attributes, k, classes.shortlist, classes.size)
        return op(x, *weights, class_logits)

    def rms_norm(self, x: tf.Tensor, gain: keras.Variable | float) -> tf.Tensor:
        if isinstance(gain, float):
            n = x.shape[-1]
            return composites.rms_norm()(x, self._constant(f"l2_{n}{GAIN}", np.full(n, gain, np.float32)))
        with tf.init_scope():
            values = gain.numpy()
        _need_finite(layer_of(gain), values)
        return composites.rms_norm()(x, self._constant(layer_of(gain) + GAIN, values))

    def attention(self, q: tf.Tensor, kv: tf.Tensor | None, heads: int, allowed: tf.Tensor | None = None) -> tf.Tensor:
        width = q.shape[-1] if kv is not None else q.shape[-1] // 3
        offsets = (0, 0, width) if kv is not None else (0, width, 2 * width)
        kv = q if kv is None else kv
        if allowed is None:
            keys = kv.shape[0]
            allowed = self._constant(f"every_{keys}", np.ones(keys, np.int32))
        return composites.attention(heads, width, *offsets)(q, kv, allowed)

    def cached_attention(self, qkv: tf.Tensor, cache: KeyValueCache, heads: int) -> tf.Tensor:
        """The op itself updates the caches, which are variable tensors: `cache` stays as it is. Which op, their type says."""
        make = composites.cached_attention_int8 if cache.k.dtype == tf.uint8 else composites.cached_attention
        op = make(heads, qkv.shape[-1] // 3, cache.k.shape[0], cache.sinks)
        return op(qkv, cache.position, cache.k, cache.v)

    def memory_read(self, scores: tf.Tensor, values: tf.Tensor, allowed: tf.Tensor, temperature: float) -> tf.Tensor:
        temperature = self._constant("memory/temperature", np.array([temperature], np.float32))
        return composites.memory_read()(scores, values, allowed, temperature)

    def slot_rounded(self, x: tf.Tensor) -> tf.Tensor:
        return x

    def to_rows(self, x: tf.Tensor, rows: int) -> tf.Tensor:
        return tf.reshape(x, (rows, x.shape[-1] // rows))

    def to_vector(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, (1, x.shape[-2] * x.shape[-1]))

    def take_row(self, x: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        return tf.gather(x, row)

    def _constant(self, name: str, value: np.ndarray) -> tf.Tensor:
        """One constant for equal values of one name; two layers of one name have theirs under two."""
        key = (name, value.tobytes())
        if key not in self.constants:
            with tf.compat.v1.get_default_graph().name_scope(None):  # the layer's own scope would go before the name
                self.constants[key] = tf.constant(value, name=name)
        return self.constants[key]

    def _matrix(self, weights: keras.Variable, table: bool) -> tuple[tuple[int, int, int], tuple[tf.Tensor, tf.Tensor]]:
        """The op's attributes (layout, rows, cols) and its constants (packed bytes, gamma)."""
        with tf.init_scope():  # outside of the graph: the quantizer runs now
            codes, gamma = quantised(weights, table)
        return self._packed(layer_of(weights), codes, gamma)

    def _packed(
        self, name: str, codes: np.ndarray, gamma: np.ndarray
    ) -> tuple[tuple[int, int, int], tuple[tf.Tensor, tf.Tensor]]:
        """The same of codes int8 [rows, cols] and gamma float32 [1] or [rows]."""
        _need_finite(name, gamma)
        packed = self._constant(name + WEIGHTS, pack(codes, self.layout))
        return (LAYOUTS[self.layout], *codes.shape), (packed, self._constant(name + SCALE, gamma))


def _need_finite(name: str, values: np.ndarray) -> None:
    """A single NaN among the weights makes their mean, gamma, NaN."""
    if not np.isfinite(values).all():
        raise BitmarError(f"{name}: weights that are not finite, expected those of a training that did not diverge")
