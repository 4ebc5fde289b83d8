"""The BITMAR_* ops as TensorFlow functions that the converter turns into custom ops (composite fusion).

Each function's body is the op's reference in TensorFlow; the converter drops it and keeps the name, the attributes (integers in a
flexbuffer map) and the inputs. docs/custom-ops.md states the exact arithmetic. Weights arrive packed: uint8 [bytes], with
gamma float32 [1] (or [rows]).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from convert.layouts import LAYOUT_NAMES
from convert.op_table import ops
from model.functional import EPSILON, best_by_class, cache_slot
from model.quantizers import ABSMAX_FLOOR
from model.word_classes import WordClasses


def custom_op(name: str, *values: int) -> Callable[[Callable], Any]:
    """Decorator: calls of the function become custom op `name` with these attribute values (op_table's order) and its version."""
    options = ops()[name].options(*values)
    fields = "".join(f' attr {{ key: "{key}" value {{ i: {value} }} }}' for key, value in options.items())
    implements = f'name: "{name}" attr {{ key: "tfl_fusable_op" value {{ b: true }} }}{fields}'
    return lambda body: tf.function(body, experimental_implements=implements, autograph=False)


def unpack(w: tf.Tensor, layout: int, rows: int, cols: int) -> tf.Tensor:
    """Packed bytes -> float32 [rows, cols] in {-1, 0, 1}; see convert/layouts.py."""
    w = tf.cast(w, tf.int32)
    if LAYOUT_NAMES[layout] == "rm2":
        digits = tf.bitwise.right_shift(w[:, None], tf.constant([0, 2, 4, 6])) & 3
        digits = tf.reshape(digits, (rows, -1))[:, :cols]
    else:
        digits = tf.reshape(w, (-1, 1, cols)) // tf.constant([1, 3, 9, 27, 81])[:, None] % 3
        digits = tf.reshape(digits, (-1, cols))[:rows]
    return tf.cast(digits - 1, tf.float32)


def quantise(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Absmax int8 of each token (last axis): (codes as float32 integers, dequantisation factor float32 [..., 1])."""
    largest = tf.maximum(tf.reduce_max(tf.abs(x), axis=-1, keepdims=True), ABSMAX_FLOOR)
    return tf.clip_by_value(tf.round(x * (127.0 / largest)), -127.0, 127.0), largest / 127.0


def softmax(scores: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
    """Over the last axis, where `allowed` (bool) holds; all zeros where nothing is allowed."""
    allowed = tf.broadcast_to(allowed, tf.shape(scores))
    largest = tf.reduce_max(tf.where(allowed, scores, scores.dtype.min), axis=-1, keepdims=True)
    e = tf.where(allowed, tf.exp(tf.minimum(scores - largest, 0.0)), 0.0)
    return tf.math.divide_no_nan(e, tf.reduce_sum(e, axis=-1, keepdims=True))


@functools.cache
def ternary_fc(layout: int, rows: int, cols: int, activation: int) -> Any:
    """(x float32 [..., cols], w, gamma) -> float32 [..., rows]; activation 0: none, 1: squared ReLU."""

    @custom_op("BITMAR_TERNARY_FC", layout, rows, cols, activation)
    def body(x: tf.Tensor, w: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        codes, scale = quantise(x)
        dots = tf.matmul(tf.reshape(codes, (-1, cols)), unpack(w, layout, rows, cols), transpose_b=True)
        y = tf.reshape(dots, (*x.shape[:-1], rows)) * (scale * gamma)
        return tf.square(tf.nn.relu(y)) if activation else y

    return body


@functools.cache
def ternary_embedding(layout: int, rows: int, cols: int) -> Any:
    """(ids int32 [n], w, gamma) -> float32 [n, cols]."""

    @custom_op("BITMAR_TERNARY_EMBEDDING", layout, rows, cols)
    def body(ids: tf.Tensor, w: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
        per_row = gamma[:, None] if gamma.shape[0] == rows else tf.broadcast_to(gamma, (rows, 1))
        return tf.gather(unpack(w, layout, rows, cols), ids) * tf.gather(per_row, ids)

    return body


@functools.cache
def ternary_topk(layout: int, rows: int, cols: int, k: int) -> Any:
    """(x float32 [1, cols], w, gamma) -> (ids int32 [k], logits float32 [k]), descending, equal logits by lower id."""

    @custom_op("BITMAR_TERNARY_TOPK", layout, rows, cols, k)
    def body(x: tf.Tensor, w: tf.Tensor, gamma: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        codes, scale = quantise(x)
        dots = tf.matmul(codes, unpack(w, layout, rows, cols), transpose_b=True)
        logits, ids = tf.math.top_k((dots * (scale * gamma))[0], k)
        return ids, logits

    return body


@functools.cache
def ternary_class_topk(layout: int, rows: int, cols: int, k: int, shortlist: int, class_words: int) -> Any:
    """(x float32 [1, cols], w, gamma, class_logits float32 [1, classes]) -> as `ternary_topk`, of the shortlist or one class."""
    classes = WordClasses(rows, shortlist, class_words)

    @custom_op("BITMAR_TERNARY_CLASS_TOPK", layout, rows, cols, k, shortlist, class_words)
    def body(x: tf.Tensor, w: tf.Tensor, gamma: tf.Tensor, class_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        codes, scale = quantise(x)
        dots = tf.matmul(codes, unpack(w, layout, rows, cols), transpose_b=True)
        return best_by_class((dots * (scale * gamma))[0], class_logits[0], k, classes)

    return body


@functools.cache
def rms_norm() -> Any:
    """(x float32 [..., n], gain float32 [n]) -> float32 [..., n]."""

    @custom_op("BITMAR_RMS_NORM")
    def body(x: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
        return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + EPSILON) * gain

    return body


def _heads(x: tf.Tensor, heads: int) -> tf.Tensor:
    """[T, width] -> [heads, T, width / heads]."""
    return tf.transpose(tf.reshape(x, (x.shape[0], heads, x.shape[1] // heads)), (1, 0, 2))


def _attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, allowed: tf.Tensor, heads: int) -> tf.Tensor:
    """Multi-head attention of q [T, width] over k and v [S, width]; allowed bool [S]."""
    scale = (q.shape[1] // heads) ** -0.5
    scores = tf.matmul(_heads(q, heads), _heads(k, heads), transpose_b=True) * scale
    mixed = tf.matmul(softmax(scores, allowed), _heads(v, heads))
    return tf.reshape(tf.transpose(mixed, (1, 0, 2)), q.shape)


@functools.cache
def attention(heads: int, width: int, q_offset: int, k_offset: int, v_offset: int) -> Any:
    """(q float32 [T, wq], kv float32 [S, wkv], mask int32 [S]) -> float32 [T, width]; offsets are columns of q and kv."""

    @custom_op("BITMAR_ATTENTION", heads, width, q_offset, k_offset, v_offset)
    def body(q: tf.Tensor, kv: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        k, v = kv[:, k_offset : k_offset + width], kv[:, v_offset : v_offset + width]
        return _attend(q[:, q_offset : q_offset + width], k, v, mask != 0, heads)

    return body


@functools.cache
def cached_attention(heads: int, width: int, window: int, sinks: int) -> Any:
    """(qkv float32 [1, 3 width], position int32 [1], k_cache, v_cache float32 [window, width]) -> float32 [1, width].

    The op also writes the token's k and v into slot `cache_slot(position)` of the caches, which are variable tensors; here they
    are only read, and the caller keeps them.
    """

    @custom_op("BITMAR_CACHED_ATTENTION", heads, width, window, sinks)
    def body(qkv: tf.Tensor, position: tf.Tensor, k_cache: tf.Tensor, v_cache: tf.Tensor) -> tf.Tensor:
        q, k, v = tf.split(qkv, 3, axis=1)
        slot = cache_slot(position, window, sinks)[:, None]
        k = tf.tensor_scatter_nd_update(k_cache, slot, k)
        v = tf.tensor_scatter_nd_update(v_cache, slot, v)
        return _attend(q, k, v, tf.range(window) <= position, heads)

    return body


@functools.cache
def cached_attention_int8(heads: int, width: int, window: int, sinks: int) -> Any:
    """(qkv float32 [1, 3 width], position int32 [1], k_cache, v_cache uint8 [window, width + 4 heads]) -> float32 [1, width].

    As `cached_attention`; the caches are those of docs/custom-ops.md: int8 codes and float32 scales.
    """
    dh = width // heads

    def with_new(cache: tf.Tensor, slot: tf.Tensor, new: tf.Tensor, values: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """(codes [heads, window, dh], scales [heads, 1, window]), the new row among them."""
        blocks = tf.reshape(cache, (heads, window * (dh + 4)))
        codes = tf.cast(tf.bitcast(blocks[:, : window * dh], tf.int8), tf.float32)
        if values:
            codes = tf.transpose(tf.reshape(codes, (heads, dh, window)), (0, 2, 1))
        scales = tf.bitcast(tf.reshape(blocks[:, window * dh :], (heads, 1, window, 4)), tf.float32)
        new_codes, new_scales = quantise(tf.reshape(new, (heads, 1, dh)))
        here = tf.range(window) == slot
        return tf.where(here[:, None], new_codes, tf.reshape(codes, (heads, window, dh))), tf.where(
            here, new_scales, scales
        )

    @custom_op("BITMAR_CACHED_ATTENTION_INT8", heads, width, window, sinks)
    def body(qkv: tf.Tensor, position: tf.Tensor, k_cache: tf.Tensor, v_cache: tf.Tensor) -> tf.Tensor:
        q, k, v = tf.split(qkv, 3, axis=1)
        slot = cache_slot(position, window, sinks)
        (k, k_scale), (v, v_scale) = with_new(k_cache, slot, k, False), with_new(v_cache, slot, v, True)
        q, q_scale = quantise(tf.reshape(q, (heads, 1, dh)))
        scores = tf.matmul(q, k, transpose_b=True) * (q_scale * dh**-0.5 * k_scale)
        e = softmax(scores, tf.range(window) <= position)
        weights = e * v_scale
        total = tf.reduce_sum(weights, axis=-1, keepdims=True)
        mixed = tf.matmul(tf.round(weights * (32767.0 / total)), v) * (total / 32767.0)
        return tf.reshape(mixed, (1, width))

    return body


@functools.cache
def memory_read() -> Any:
    """(scores float32 [k], values float32 [k, D], mask int32 [k], temperature float32 [1]) -> context float32 [1, D]."""

    @custom_op("BITMAR_MEMORY_READ")
    def body(scores: tf.Tensor, values: tf.Tensor, mask: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        return tf.matmul(softmax((scores / temperature)[None], mask != 0), values)

    return body
