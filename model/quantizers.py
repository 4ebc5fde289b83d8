"""Quantizers with straight-through gradients: ternary weights (absmean) and int8 activations (absmax per token).

BitNet b1.58 (Ma et al., 2024): W_q = clip(round(W / gamma), -1, 1) with gamma = mean|W|; activations are int8 with the
scale of the token's largest magnitude. Forward values are exactly the integers that the device computes with.
"""

from __future__ import annotations

import keras
from keras import ops

ABSMAX_FLOOR = 1e-5  # tokens with a smaller maximum are quantised as if it were this: no division by zero
ABSMEAN_FLOOR = 1e-5


def straight_through(x: keras.KerasTensor, value: keras.KerasTensor) -> keras.KerasTensor:
    """`value` in the forward pass (bit for bit), the gradient of `x` in the backward pass (Bengio et al., 2013)."""
    return ops.stop_gradient(value) + (x - ops.stop_gradient(x))


def absmean_scale(w: keras.KerasTensor) -> keras.KerasTensor:
    """gamma = mean|W| over the whole matrix; a scalar."""
    return ops.maximum(ops.mean(ops.abs(w)), ABSMEAN_FLOOR)


def ternary_codes(
    w: keras.KerasTensor, gamma: keras.KerasTensor | None = None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Ternary codes of a weight matrix.

    Args: w: float32, any shape. gamma: scalar, of the whole matrix where `w` is some of its rows (None: w is all of it).
    Returns: (codes, gamma): codes float32 in {-1, 0, 1} of w's shape, with straight-through gradient of w / gamma;
        gamma a float32 scalar without gradient.
    """
    gamma = ops.stop_gradient(absmean_scale(w) if gamma is None else gamma)
    scaled = w / gamma
    return straight_through(scaled, ops.clip(ops.round(scaled), -1.0, 1.0)), gamma


def int8_codes(x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Absmax int8 codes of each token (the last axis is one token).

    Args: x: float32 [..., n].
    Returns: (codes, scale): codes float32 integers in [-127, 127], round to nearest even, straight-through; scale float32
        [..., 1] without gradient, so that x ~ codes * scale.
    """
    largest = ops.stop_gradient(ops.maximum(ops.max(ops.abs(x), axis=-1, keepdims=True), ABSMAX_FLOOR))
    scaled = x * (127.0 / largest)
    return straight_through(scaled, ops.clip(ops.round(scaled), -127.0, 127.0)), largest / 127.0


def int8_rounded(x: keras.KerasTensor) -> keras.KerasTensor:
    """x as it comes back from int8 storage (keys in the card's index), straight-through; float32 [..., n]."""
    codes, scale = int8_codes(x)
    return codes * scale


def half_rounded(x: keras.KerasTensor) -> keras.KerasTensor:
    """x as it comes back from an IEEE half slot on the card, straight-through; float32, same shape."""
    return straight_through(x, ops.cast(ops.cast(x, "float16"), "float32"))
