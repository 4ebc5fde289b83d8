"""The int8 vision operators in NumPy, from the definition: what kernels/ and TensorFlow Lite's reference must both give."""

from __future__ import annotations

import numpy as np

from convert.aot.vision.network import Add, Block, Conv, Network


def multiplied(x: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """gemmlowp: the rounded high half of twice the product, then a division by a power of two, halves away from zero."""
    left, right = np.maximum(shift, 0), np.maximum(np.negative(shift), 0)
    high = ((x.astype(np.int64) << left) * multiplier + (1 << 30)) >> 31
    magnitude = (np.abs(high) + ((np.int64(1) << right) >> 1)) >> right
    return np.sign(high) * magnitude


def requantised(conv: Conv, sums: np.ndarray) -> np.ndarray:
    """int8 [..., channels] of sums."""
    return np.clip(multiplied(sums, conv.multiplier, conv.shift) + conv.zero_point, conv.low, conv.high)


def padded(x: np.ndarray, kernel: int, stride: int, zero: int) -> np.ndarray:
    """A map [side, side, channels] with "same" padding: the odd row and column at the far ends."""
    total = max((-(-x.shape[0] // stride) - 1) * stride + kernel - x.shape[0], 0)
    ends = (total // 2, total - total // 2)
    return np.pad(x, (ends, ends, (0, 0)), constant_values=zero)


def windows(x: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """[rows, columns, channels, kernel, kernel]."""
    return np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (0, 1))[::stride, ::stride]


def stem(conv: Conv, picture: np.ndarray, zero: int) -> np.ndarray:
    """3x3, stride 2."""
    seen = windows(padded(picture, 3, 2, zero), 3, 2).transpose(0, 1, 3, 4, 2)
    return requantised(conv, seen.reshape(*seen.shape[:2], 27) @ conv.weights[:, :27].T.astype(np.int64) + conv.bias)


def added(add: Add, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y, each brought to a common scale with 20 more bits."""
    total = sum(
        multiplied((q - add.zero_point[i]) << 20, add.multiplier[i], add.shift[i]) for i, q in enumerate((x, y))
    )
    out = multiplied(total, add.out_multiplier, add.out_shift) + add.out_zero_point
    return np.clip(out, add.low, add.high)


def block(given: Block, x: np.ndarray, zero: int) -> np.ndarray:
    """One inverted residual block."""
    if given.has_stem:
        wide = stem(given.producer, x, zero)
    else:
        wide = requantised(given.producer, x @ given.producer.weights.T.astype(np.int64) + given.producer.bias)
    seen = windows(padded(wide, given.kernel, given.stride, given.producer.zero_point), given.kernel, given.stride)
    kernels = given.depthwise.weights.reshape(-1, given.kernel, given.kernel).astype(np.int64)
    narrow = requantised(given.depthwise, (seen * kernels).sum((-2, -1)) + given.depthwise.bias)
    y = requantised(given.project, narrow @ given.project.weights.T.astype(np.int64) + given.project.bias)
    return added(given.add, x, y) if given.add else y


def run(network: Network, picture: np.ndarray) -> np.ndarray:
    """int8 picture [side, side, 3] -> int8 map [n, n, channels]."""
    x = picture.astype(np.int64)
    for given in network.blocks:
        x = block(given, x, network.picture_zero_point)
    return x.astype(np.int8)
