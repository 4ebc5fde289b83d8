"""The same model in TensorFlow Lite's builtin ops alone, for runtimes without libbitmar: weights in 8, 4 or 2 bits.

Codes and scales are those of the ternary model. What differs: a builtin FULLY_CONNECTED quantises its input and adds up in its
own way (on some processors asymmetrically), so the bits are the runtime's, not ours; benchmarks/model.py counts how often the
answer differs. There is no builtin look-up of less than 8 bits, so embedding tables take a byte a weight.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from convert import composites
from convert.converter import errors_as_raised, errors_in_one_line
from convert.flatbuffer import SIGNATURE, packed
from convert.functional import CompositeFunctions, quantised
from convert.graphs import GraphSpec, decoder, encoder, recall
from convert.reader import op_name, parse
from model.bitmar import BitMar
from model.functional import EPSILON, KeyValueCache, best_by_class, cache_slot, replaced_by
from model.word_classes import WordClasses

KINDS = {"int8": 8, "int4": 4, "int2": 2}  # bits a weight
LARGEST = 127  # what TensorFlow's converter scales a kernel's largest weight to


class StockFunctions(CompositeFunctions):
    """The model's functions in plain TensorFlow, weights as float constants: the converter quantises them without loss."""

    def __init__(self) -> None:
        super().__init__("rm2")

    def ternary_fc(self, x: tf.Tensor, kernel: keras.Variable, activation: str | None = None) -> tf.Tensor:
        """As its namesake; the runtime quantises x."""
        y = self._product(x, kernel, table=False)
        return tf.square(tf.nn.relu(y)) if activation == "squared_relu" else y

    def ternary_embedding(self, ids: tf.Tensor, table: keras.Variable) -> tf.Tensor:
        """As its namesake, of an int8 table."""
        with tf.init_scope():
            codes, gamma = quantised(table, table=True)
        return tf.cast(tf.gather(tf.constant(codes), ids), tf.float32) * float(gamma[0])

    def ternary_logits(self, x: tf.Tensor, table: keras.Variable) -> tf.Tensor:
        """As its namesake."""
        return self._product(x, table, table=True)

    def top_k(self, x: tf.Tensor, table: keras.Variable, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """As its namesake; the logits are stored."""
        logits, ids = tf.math.top_k(self._product(x, table, table=True)[0], k)
        return ids, logits

    def class_top_k(
        self, x: tf.Tensor, table: keras.Variable, class_logits: tf.Tensor, k: int, classes: WordClasses
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As its namesake; the logits of all words are computed and stored."""
        return best_by_class(self._product(x, table, table=True)[0], class_logits[0], k, classes)

    def rms_norm(self, x: tf.Tensor, gain: keras.Variable | float) -> tf.Tensor:
        """As its namesake; with the gain first, or the converter folds it into the next kernel, ternary no more."""
        with tf.init_scope():
            values = np.float32(gain) if isinstance(gain, float) else gain.numpy()
        return x * values * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + EPSILON)

    def attention(self, q: tf.Tensor, kv: tf.Tensor | None, heads: int, allowed: tf.Tensor | None = None) -> tf.Tensor:
        """As its namesake."""
        width = q.shape[-1] if kv is not None else q.shape[-1] // 3
        offsets = (0, 0, width) if kv is not None else (0, width, 2 * width)
        kv = q if kv is None else kv
        allowed = tf.ones(kv.shape[0], tf.int32) if allowed is None else allowed
        return composites.attention(heads, width, *offsets).python_function(q, kv, allowed)

    def cached_attention(self, qkv: tf.Tensor, cache: KeyValueCache, heads: int) -> tf.Tensor:
        """As its namesake; the caches are resource variables, which it assigns."""
        window, width = cache.k.shape
        _, k, v = tf.split(qkv, 3, axis=1)
        here = (tf.range(window) == cache_slot(cache.position, window, cache.sinks))[:, None]
        cache.k.assign(tf.where(here, k, cache.k))
        cache.v.assign(tf.where(here, v, cache.v))
        q, allowed = qkv[:, :width], tf.range(window) <= cache.position
        return composites._attend(q, cache.k.read_value(), cache.v.read_value(), allowed, heads)

    def memory_read(self, scores: tf.Tensor, values: tf.Tensor, allowed: tf.Tensor, temperature: float) -> tf.Tensor:
        """As its namesake."""
        return composites.memory_read().python_function(scores, values, allowed, tf.constant([temperature]))

    def _product(self, x: tf.Tensor, weights: keras.Variable, table: bool) -> tf.Tensor:
        with tf.init_scope():
            codes, gamma = quantised(weights, table)
        rows, cols = codes.shape
        y = tf.matmul(tf.reshape(x, (-1, cols)), tf.constant(codes * gamma), transpose_b=True)
        return tf.reshape(y, (*x.shape[:-1], rows))


def functions() -> AbstractContextManager[None]:
    """While a graph is traced: the model's layers become builtin ops."""
    return replaced_by(StockFunctions())


def stock_graphs(model: BitMar, kind: str) -> dict[str, bytes]:
    """The three graphs by file name; `kind` is one of KINDS.

    Raises: BitmarError: weights that are not finite, or what TensorFlow's converter refuses.
    """
    specs = [make(model, functions) for make in (encoder, recall, decoder)]
    return {f"{spec.name}.tflite": narrowed(convert_stock(spec), kind, spec.name) for spec in specs}


def convert_stock(spec: GraphSpec) -> bytes:
    """One graph of convert/graphs.py, traced with `functions`, with int8 weights; its variables become resource variables.

    Raises: BitmarError: what TensorFlow's converter refuses.
    """
    module = tf.Module()
    module.kept = {name: tf.Variable(tf.zeros(t.shape, t.dtype)) for name, t in spec.variables.items()}
    signature = {name: tf.TensorSpec(t.shape, t.dtype, name=name) for name, t in spec.inputs.items()}
    module.function = tf.function(lambda **given: spec.build(**given, **module.kept), autograph=False)
    with errors_as_raised():
        concrete = module.function.get_concrete_function(**signature)
    with errors_in_one_line(spec.name), tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: concrete})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.experimental_enable_resource_variables = True
        return converter.convert()


def narrowed(blob: bytes, kind: str, where: str) -> bytes:
    """Kernels of -127, 0 and 127 in 8 bits become -1, 0 and 1 in 4 or 2, the first of a byte in its low bits."""
    model, bits = parse(blob, where), KINDS[kind]
    model.description, model.metadata, model.metadataBuffer = f"BitMar {where}, builtin ops, {kind}", None, None
    graph = model.subgraphs[0]
    for tensor in {int(op.inputs[1]) for op in graph.operators if op_name(model, op) == "FULLY_CONNECTED"}:
        kernel = graph.tensors[tensor]
        data = model.buffers[kernel.buffer].data
        codes = np.zeros(0, np.int8) if data is None else np.asarray(data, np.uint8).view(np.int8)
        if (
            bits == 8
            or kernel.type != schema.TensorType.INT8
            or codes.size != np.prod(kernel.shape)
            or np.any(codes % LARGEST)
        ):
            continue
        a_byte = 8 // bits
        fields = np.pad(codes // LARGEST, (0, -codes.size % a_byte)).reshape(-1, a_byte).astype(np.uint8) & (
            2**bits - 1
        )
        buffer = schema.BufferT()
        buffer.data = (fields << np.arange(0, 8, bits, dtype=np.uint8)).sum(axis=1, dtype=np.uint8)
        model.buffers.append(buffer)
        kernel.buffer = len(model.buffers) - 1
        kernel.type = {4: schema.TensorType.INT4, 2: schema.TensorType.INT2}[bits]
        kernel.quantization.scale = np.asarray(kernel.quantization.scale, np.float32) * LARGEST
    used = {tensor.buffer for each in model.subgraphs for tensor in each.tensors}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
    return packed(model, len(blob))
