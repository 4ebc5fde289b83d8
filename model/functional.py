"""The functions that the layers are written on, in their differentiable form; a conversion puts others in their place.

Here they compute with straight-through gradients and exactly the integers of the device. Inside `replaced_by(others)` the
layers call the methods of `others` that have the same names: that is how convert/ turns the model's own forward pass into
BITMAR_* ops without the model knowing of them.

Shapes are those of training, with a batch axis B. A converted graph runs one sequence: where it says [B, T, n] it has [T, n].
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from model.quantizers import absmean_scale, half_rounded, int8_codes, ternary_codes
from model.word_classes import WordClasses

EPSILON = 1e-6
MASKED = -1e9
LARGE_TABLE = 8192  # rows: in larger tables only the rows that are used are rounded
GRADIENT = "bfloat16"  # in which the gradients of ternary products are multiplied
ACTIVATIONS = (None, "squared_relu")  # squared ReLU: max(y, 0)^2 (So et al., 2021)

_others: ContextVar[Any] = ContextVar("functions that replace the differentiable ones", default=None)


@contextmanager
def replaced_by(others: Any) -> Iterator[None]:
    """While it lasts, every function below is the method of that name of `others`."""
    token = _others.set(others)
    try:
        yield
    finally:
        _others.reset(token)


def replaceable(function: Callable) -> Callable:
    """Decorator: calls go to the method of the same name of what `replaced_by` has installed, else to `function`."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        others = _others.get()
        return (function if others is None else getattr(others, function.__name__))(*args, **kwargs)

    return call


@dataclass
class KeyValueCache:
    """Keys and values of a stream's last tokens; `cached_attention` keeps them up to date.

    position: int32 [1], of the token in the stream; k, v: float32 [B, window, width]; sinks: slots that stay for ever.
    """

    position: keras.KerasTensor
    k: keras.KerasTensor
    v: keras.KerasTensor
    sinks: int


@replaceable
def ternary_fc(x: keras.KerasTensor, kernel: keras.Variable, activation: str | None = None) -> keras.KerasTensor:
    """(int8 codes of x) . (ternary codes of the kernel) * (activation scale * gamma): BitLinear of BitNet b1.58.

    The product is a sum of integers below 2^24, hence exact in float32 whatever its order: training computes the same
    numbers as the device's integer kernel.

    Args: x float32 [..., n]; kernel float32 [n, units], master weights; activation: one of ACTIVATIONS.
    Returns: float32 [..., units].
    """
    y = _integer_product(x, kernel, transposed=False)
    if activation == "squared_relu":
        y = ops.relu(y)
        y = y * y
    return y


@replaceable
def ternary_embedding(ids: keras.KerasTensor, table: keras.Variable) -> keras.KerasTensor:
    """Rows of ternary codes times gamma: ids int32 [...], table float32 [rows, n] -> float32 [..., n]."""
    if (
        table.shape[0] > LARGE_TABLE
    ):  # the same numbers: gamma is the whole table's, only the rows asked for are rounded
        codes, gamma = ternary_codes(ops.take(table, ids, axis=0), absmean_scale(table))
        return codes * gamma
    codes, gamma = ternary_codes(table)
    return ops.take(codes * gamma, ids, axis=0)


@replaceable
def ternary_logits(x: keras.KerasTensor, table: keras.Variable) -> keras.KerasTensor:
    """An embedding table as output head (tied weights): x float32 [..., n], table float32 [rows, n] -> float32 [..., rows]."""
    return _integer_product(x, table, transposed=True)


@replaceable
def logits_of_words(x: keras.KerasTensor, table: keras.Variable, words: keras.KerasTensor) -> keras.KerasTensor:
    """`ternary_logits` of some rows alone, for training: words int32 [S] -> float32 [..., S]."""
    return _integer_product(x, ops.take(table, words, axis=0), transposed=True, gamma=absmean_scale(table))


@replaceable
def top_k(x: keras.KerasTensor, table: keras.Variable, k: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The k largest of `ternary_logits`: (ids int32 [..., k], logits float32 [..., k]), descending, equal ones by lower id."""
    logits, ids = ops.top_k(ternary_logits(x, table), k)
    return ids, logits


def class_log_probabilities(
    logits: keras.KerasTensor, class_logits: keras.KerasTensor, classes: WordClasses
) -> keras.KerasTensor:
    """log p of every word by a head of two levels: float32 [..., V] and [..., count] -> [..., V]."""
    first = ops.log_softmax(ops.concatenate([logits[..., : classes.shortlist], class_logits], -1), -1)
    within = ops.log_softmax(_class_rows(logits, classes), -1) + first[..., classes.shortlist :, None]
    tail = ops.reshape(within, (*ops.shape(within)[:-2], classes.count * classes.size))
    tail = tail[..., : classes.vocab_size - classes.shortlist]
    return ops.concatenate([first[..., : classes.shortlist], tail], -1)


@replaceable
def class_top_k(
    x: keras.KerasTensor, table: keras.Variable, class_logits: keras.KerasTensor, k: int, classes: WordClasses
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The head's greedy choice level by level: where a class has a larger logit than every word of the shortlist, the best of
    its words, else the best words of the shortlist.

    Not the likeliest of all words: a word whose class is a little less likely than the best class or word is never compared.

    Args: x float32 [..., n]; table float32 [V, n]; class_logits float32 [..., count]; k: at most the shortlist.
    Returns: (ids int32 [..., k], logits float32 [..., k]), descending, equal ones by lower id; where the class has fewer than k
        words, the shortlist's best follow.
    """
    return best_by_class(ternary_logits(x, table), class_logits, k, classes)


def best_by_class(
    logits: keras.KerasTensor, class_logits: keras.KerasTensor, k: int, classes: WordClasses
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """`class_top_k` of all words' logits, float32 [..., V]."""
    best, ids = ops.top_k(logits[..., : classes.shortlist], k)
    largest, chosen = (part[..., 0] for part in ops.top_k(class_logits, 1))
    beaten = largest > best[..., 0]
    rows = ops.take_along_axis(_class_rows(logits, classes), chosen[..., None, None], axis=-2)[..., 0, :]
    within, places = ops.top_k(rows, min(k, classes.size))
    first = classes.shortlist + chosen * classes.size
    there = ops.minimum(ops.minimum(classes.size, classes.vocab_size - first), k) * ops.cast(beaten, "int32")
    at = ops.arange(k, dtype="int32")
    own = at < there[..., None]
    column = ops.minimum(at, within.shape[-1] - 1)
    of_class = ops.take(places, column, axis=-1) + first[..., None]
    after = ops.where(own, 0, at - there[..., None])
    return (
        ops.where(own, of_class, ops.take_along_axis(ids, after, axis=-1)),
        ops.where(own, ops.take(within, column, axis=-1), ops.take_along_axis(best, after, axis=-1)),
    )


@replaceable
def rms_norm(x: keras.KerasTensor, gain: keras.Variable | float) -> keras.KerasTensor:
    """x / sqrt(mean(x^2) + 1e-6) * gain over the last axis (Zhang and Sennrich, 2019); float32 [..., n] -> [..., n]."""
    return x * ops.rsqrt(ops.mean(x * x, axis=-1, keepdims=True) + EPSILON) * gain


@replaceable
def attention(
    q: keras.KerasTensor, kv: keras.KerasTensor | None, heads: int, allowed: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    """softmax(q k^T / sqrt(dh)) v per head (Vaswani et al., 2017).

    Args: q float32 [B, T, width], kv float32 [B, S, 2 width]; or q float32 [B, T, 3 width] (queries, keys and values of one
        projection) and kv None. allowed: 1 = may be attended to; [B, S] for all queries alike, or broadcastable to
        [B, heads, T, S]; None = everything.
    Returns: float32 [B, T, width].
    """
    if kv is None:
        q, k, v = ops.split(q, 3, axis=-1)
    else:
        k, v = ops.split(kv, 2, axis=-1)
    return _attend(q, k, v, heads, allowed)


@replaceable
def cached_attention(qkv: keras.KerasTensor, cache: KeyValueCache, heads: int) -> keras.KerasTensor:
    """One token of causal attention: its keys and values go into the cache, its query attends to what the cache then holds.

    The first `sinks` slots stay, the others slide (Xiao et al., 2023). qkv float32 [B, 1, 3 width] -> float32 [B, 1, width].
    """
    window = cache.k.shape[-2]
    q, k, v = ops.split(qkv, 3, axis=-1)
    here = ops.arange(window, dtype="int32") == cache_slot(cache.position, window, cache.sinks)
    cache.k, cache.v = (ops.where(here[:, None], new, old) for new, old in ((k, cache.k), (v, cache.v)))
    return _attend(q, cache.k, cache.v, heads, (ops.arange(window, dtype="int32") <= cache.position)[None])


def cache_slot(position: Any, window: int, sinks: int) -> Any:
    """Where stream position p is kept: p while p < window, then the slots after the first `sinks` in turn. Any int32 shape."""
    return ops.where(position < window, position, sinks + (position - sinks) % (window - sinks))


@replaceable
def memory_read(
    scores: keras.KerasTensor, values: keras.KerasTensor, allowed: keras.KerasTensor, temperature: float
) -> keras.KerasTensor:
    """softmax(scores / temperature) over the allowed slots, times their values.

    Args: scores float32 [S, Q, K]; values float32 [S, K, D]; allowed 1 or 0, as scores.
    Returns: float32 [S, Q, D].
    """
    logits = scores / temperature + (1.0 - ops.cast(allowed, "float32")) * MASKED
    return ops.matmul(ops.softmax(logits, axis=-1), values)


@replaceable
def slot_rounded(x: keras.KerasTensor) -> keras.KerasTensor:
    """What an episode is when it comes back from its IEEE half slot. A converted graph leaves this to the store."""
    return half_rounded(x)


@replaceable
def to_rows(x: keras.KerasTensor, rows: int) -> keras.KerasTensor:
    """The numbers of one vector as those of `rows` tokens: float32 [B, rows * n] -> [B, rows, n]."""
    return ops.reshape(x, (-1, rows, x.shape[-1] // rows))


@replaceable
def to_vector(x: keras.KerasTensor) -> keras.KerasTensor:
    """The numbers of all tokens side by side: float32 [B, rows, n] -> [B, rows * n]."""
    return ops.reshape(x, (-1, x.shape[-2] * x.shape[-1]))


@replaceable
def take_row(x: keras.KerasTensor, row: keras.KerasTensor) -> keras.KerasTensor:
    """One row of each: float32 [B, rows, n], row int32 [1] -> [B, 1, n]."""
    return ops.take(x, row, axis=-2)


def _class_rows(logits: keras.KerasTensor, classes: WordClasses) -> keras.KerasTensor:
    """Logits [..., V] of the classes' words, class by class: [..., count, size], MASKED where the last has no word."""
    tail = logits[..., classes.shortlist :]
    missing = classes.count * classes.size - tail.shape[-1]
    padding = [(0, 0)] * (len(tail.shape) - 1) + [(0, missing)]
    tail = ops.pad(tail, padding, constant_values=MASKED)
    return ops.reshape(tail, (*ops.shape(tail)[:-1], classes.count, classes.size))


def _integer_product(
    x: keras.KerasTensor, kernel: keras.Variable, transposed: bool, gamma: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    """x float32 [..., n] times the kernel's ternary codes ([n, units], or its transpose): float32 [..., units].

    gamma: of the matrix that the kernel is a part of (None: its own).

    The forward product is exact. The straight-through gradients are those of the rounded numbers' product, written out: two
    matrix products in bfloat16, whose factors are small integers up to a scale, instead of a dozen passes over float32.
    """

    @ops.custom_gradient
    def product(x: keras.KerasTensor, w: keras.KerasTensor) -> tuple[keras.KerasTensor, Callable]:
        weights, scale_of_w = ternary_codes(w, gamma)
        codes, scale = int8_codes(x)
        y = ops.matmul(codes, ops.transpose(weights) if transposed else weights) * (scale * scale_of_w)

        def gradient(*args: Any, upstream: keras.KerasTensor | None = None) -> tuple[keras.KerasTensor, ...]:
            g, a, b = (
                ops.cast(t, GRADIENT) for t in (args[0] if upstream is None else upstream, codes * scale, weights)
            )
            of_x = ops.matmul(g, b if transposed else ops.transpose(b))
            of_w = ops.matmul(ops.transpose(g), a) if transposed else ops.matmul(ops.transpose(a), g)
            return ops.cast(of_x, "float32") * scale_of_w, ops.cast(of_w, "float32")

        return y, gradient

    y = product(ops.reshape(x, (-1, x.shape[-1])), tf.convert_to_tensor(kernel))
    return ops.reshape(y, (*ops.shape(x)[:-1], y.shape[-1]))


def _attend(
    q: keras.KerasTensor, k: keras.KerasTensor, v: keras.KerasTensor, heads: int, allowed: keras.KerasTensor | None
) -> keras.KerasTensor:
    """q float32 [B, T, width], k and v float32 [B, S, width] -> float32 [B, T, width]; `allowed` as in `attention`."""
    width = q.shape[-1]
    scores = ops.matmul(_split_heads(q, heads), ops.transpose(_split_heads(k, heads), (0, 1, 3, 2)))
    scores = scores * (width // heads) ** -0.5
    if allowed is not None:
        if len(allowed.shape) == 2:
            allowed = allowed[:, None, None, :]
        scores = scores + (1.0 - ops.cast(allowed, "float32")) * MASKED
    mixed = ops.matmul(ops.softmax(scores, axis=-1), _split_heads(v, heads))
    return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, ops.shape(q)[1], width))


def _split_heads(x: keras.KerasTensor, heads: int) -> keras.KerasTensor:
    """[B, T, width] -> [B, heads, T, width / heads]."""
    length, width = ops.shape(x)[1], x.shape[-1]
    return ops.transpose(ops.reshape(x, (-1, length, heads, width // heads)), (0, 2, 1, 3))
