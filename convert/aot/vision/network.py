"""An int8 .tflite file as a chain of blocks: stem or expand (1x1), depthwise, project (1x1), perhaps an addition.

Multipliers and activation ranges are those of TensorFlow Lite's kernels, computed as it does when it prepares a model
(Jacob et al., arXiv:1712.05877).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError
from convert.aot import flatbuffer

ADD, CONV, DEPTHWISE = 0, 3, 4  # schema.fbs
NAMES = {ADD: "ADD", CONV: "CONV_2D", DEPTHWISE: "DEPTHWISE_CONV_2D"}
INT8, INT32 = 9, 2
SAME = 0
ACTIVATIONS = {0: None, 1: (0.0, math.inf), 3: (0.0, 6.0)}  # none, RELU, RELU6
STEM_INPUTS = 32  # BM_STEM_INPUTS
LEFT = 4  # BM_CONV_LEFT


@dataclass(frozen=True)
class Tensor:
    """One tensor: `shape`, int8 or int32 `data` of a constant, and what its numbers mean: scale * (q - zero_point)."""

    index: int
    name: str
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_point: int
    data: np.ndarray | None


@dataclass(frozen=True)
class Conv:
    """bm_conv: int8 weights [channels, inputs] of each channel, int32 bias and multiplier [channels], int shift [channels]."""

    name: str
    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        """Numbers that one output is computed from."""
        return self.weights.shape[1]


@dataclass(frozen=True)
class Add:
    """bm_int8_add: of the block's input and the projection."""

    zero_point: tuple[int, int]
    multiplier: tuple[int, int]
    shift: tuple[int, int]
    out_zero_point: int
    out_multiplier: int
    out_shift: int
    low: int
    high: int


@dataclass(frozen=True)
class Block:
    """bm_block; `side` and `out_side` of the depthwise convolution's maps."""

    producer: Conv
    depthwise: Conv
    project: Conv
    add: Add | None
    has_stem: bool
    side: int
    out_side: int
    kernel: int
    stride: int

    @property
    def in_bytes(self) -> int:
        """Of the block's input: a map, or the picture."""
        return 3 * (2 * self.side) ** 2 if self.has_stem else self.side**2 * self.producer.inputs

    @property
    def out_bytes(self) -> int:
        """Of its output."""
        return self.out_side**2 * self.project.channels


@dataclass(frozen=True)
class Network:
    """The blocks, and what the picture's and the map's numbers mean."""

    blocks: tuple[Block, ...]
    picture_zero_point: int
    picture_scale: float
    map_zero_point: int
    map_scale: float


class RefusedError(ValueError):
    """What the kernels cannot compute."""


def load(path: Path) -> Network:
    """The blocks of a flatbuffer with int8 input [1, side, side, 3] and int8 output [1, n, n, channels].

    Raises:
      BitmarError: not a .tflite file, or other operators, shapes or attributes than those of such a chain.
    """
    try:
        return _Reader(path.read_bytes()).network()
    except OSError as error:
        raise BitmarError(f"{path}: {error.strerror}, expected a .tflite file") from None
    except (ValueError, KeyError, IndexError) as error:
        raise BitmarError(f"{path}: not an int8 vision network of inverted residual blocks: {error}") from error


def quantised_multiplier(real: float) -> tuple[int, int]:
    """(Q31 multiplier, shift) with real ~ multiplier / 2^31 * 2^shift: TensorFlow Lite's QuantizeMultiplier."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def activation_range(kind: int, scale: float, zero_point: int) -> tuple[int, int]:
    """Smallest and largest int8 output of a fused activation."""
    if kind not in ACTIVATIONS:
        raise RefusedError(f"fused activation {kind}, expected none, RELU or RELU6")
    if ACTIVATIONS[kind] is None:
        return -128, 127
    low, high = ACTIVATIONS[kind]

    def quantised(value: float) -> int:
        steps = float(np.float32(value) / np.float32(scale))
        return zero_point + math.floor(steps + 0.5)

    return max(-128, quantised(low)), 127 if math.isinf(high) else min(127, quantised(high))


class _Reader:
    """Walks through the operators of a flatbuffer."""

    def __init__(self, data: bytes) -> None:
        if data[4:8] != b"TFL3":
            raise RefusedError(f"identifier {data[4:8]!r}, expected b'TFL3'")
        model = flatbuffer.root(data)
        subgraphs, self.buffers = model.tables(2), model.tables(4)
        if len(subgraphs) != 1:
            raise RefusedError(f"{len(subgraphs)} subgraphs, expected 1")
        graph = subgraphs[0]
        self.tensors = [self._tensor(i, table) for i, table in enumerate(graph.tables(0))]
        codes = [max(table.scalar(0, "b"), table.scalar(3, "i")) for table in model.tables(1)]
        self.operators = [(codes[table.scalar(0, "I")], table) for table in graph.tables(3)]
        self.input, self.output = (self.tensors[graph.numbers(field, "i")[0]] for field in (1, 2))
        self.next = 0

    def _tensor(self, index: int, table: flatbuffer.Table) -> Tensor:
        kind, quantisation = table.scalar(1, "b"), table.table(4)
        if kind not in (INT8, INT32):
            raise RefusedError(f"tensor '{table.text(3)}' of type {kind}, expected int8 or int32")
        scales = quantisation.numbers(2, "f") if quantisation else ()
        zero_points = quantisation.numbers(3, "q") if quantisation else ()
        content, shape = self.buffers[table.scalar(2, "I")].bytes(0), tuple(table.numbers(0, "i"))
        data = np.frombuffer(content, np.int8 if kind == INT8 else "<i4").reshape(shape) if content else None
        return Tensor(index, table.text(3), shape, scales, zero_points[0] if zero_points else 0, data)

    def network(self) -> Network:
        blocks, x = [], self.input
        if x.shape[0] != 1 or x.shape[1] != x.shape[2] or x.shape[3] != 3:
            raise RefusedError(f"input {x.shape}, expected [1, side, side, 3]")
        while self.next < len(self.operators):
            block, x = self._block(x)
            blocks.append(block)
        if not blocks or x is not self.output:
            raise RefusedError("the output is not the last block's")
        return Network(tuple(blocks), self.input.zero_point, self.input.scales[0], x.zero_point, x.scales[0])

    def _take(self, kind: int, x: Tensor) -> tuple[flatbuffer.Table, list[Tensor], Tensor]:
        """The next operator, which must be of this kind and read `x` first: options, inputs, output."""
        if self.next >= len(self.operators):
            raise RefusedError(f"the chain ends before {NAMES[kind]}")
        code, table = self.operators[self.next]
        inputs, output = ([self.tensors[i] for i in table.numbers(field, "i")] for field in (1, 2))
        if code != kind or x not in inputs[: 2 if kind == ADD else 1]:
            raise RefusedError(f"operator {self.next} is {NAMES.get(code, code)}, expected {NAMES[kind]} of '{x.name}'")
        self.next += 1
        options = table.table(4)
        if options is None:
            raise RefusedError(f"operator {self.next - 1} has no options")
        return options, inputs, output[0]

    def _block(self, start: Tensor) -> tuple[Block, Tensor]:
        producer, x, kernel, stride = self._conv(start)
        has_stem = kernel == 3
        if (kernel, stride) not in ((1, 1), (3, 2)) or has_stem != (start is self.input):
            raise RefusedError(
                f"convolution {kernel}x{kernel}, stride {stride}; expected a 3x3 stem, stride 2, and 1x1 after it"
            )
        side = x.shape[1]
        depthwise, x, kernel, stride = self._depthwise(x)
        if kernel not in (3, 5) or stride not in (1, 2) or side % 2 or side > 512:
            raise RefusedError(
                f"depthwise {kernel}x{kernel}, stride {stride}, side {side}; expected 3x3 or 5x5, even sides"
            )
        project, x, kernel, _ = self._conv(x)
        if kernel != 1:
            raise RefusedError(f"projection {kernel}x{kernel}, expected 1x1")
        out_side, add = x.shape[1], None
        if self.next < len(self.operators) and self.operators[self.next][0] == ADD:
            add, x = self._add(start, x)
        return Block(producer, depthwise, project, add, has_stem, side, out_side, depthwise_side(depthwise), stride), x

    def _conv(self, x: Tensor) -> tuple[Conv, Tensor, int, int]:
        options, (_, weights, bias), y = self._take(CONV, x)
        channels, kernel, width, depth = weights.data.shape
        stride = options.scalar(1, "i")
        square = kernel == width and stride == options.scalar(2, "i") and depth == x.shape[3]
        if not square or (kernel > 1 and options.scalar(0, "b") != SAME):
            raise RefusedError(f"convolution {weights.name}: expected a square kernel and stride, 'same' padding")
        matrix = weights.data.reshape(channels, -1)
        if kernel == 3:
            matrix = np.pad(matrix, ((0, 0), (0, STEM_INPUTS - matrix.shape[1])))
        if channels % 2 or matrix.shape[1] % 8:
            raise RefusedError(f"convolution {weights.name}: {matrix.shape}, expected even channels, inputs in eights")
        return self._scaled(x, weights, bias, y, matrix, options.scalar(3, "b")), y, kernel, stride

    def _depthwise(self, x: Tensor) -> tuple[Conv, Tensor, int, int]:
        options, (_, weights, bias), y = self._take(DEPTHWISE, x)
        _, kernel, width, channels = weights.data.shape
        stride = options.scalar(1, "i")
        if kernel != width or stride != options.scalar(2, "i") or options.scalar(0, "b") != SAME:
            raise RefusedError(f"depthwise {weights.name}: expected a square kernel and stride, 'same' padding")
        if channels != x.shape[3]:
            raise RefusedError(f"depthwise {weights.name}: {channels} channels of {x.shape[3]}, expected as many")
        matrix = weights.data.reshape(-1, channels).T
        return self._scaled(x, weights, bias, y, matrix, options.scalar(4, "b")), y, kernel, stride

    @staticmethod
    def _scaled(x: Tensor, weights: Tensor, bias: Tensor, y: Tensor, matrix: np.ndarray, activation: int) -> Conv:
        real = [float(x.scales[0]) * float(scale) / float(y.scales[0]) for scale in weights.scales]
        if len(real) != len(matrix):
            raise RefusedError(f"weights {weights.name}: {len(real)} scales, expected one a channel")
        multiplier, shift = np.array([quantised_multiplier(value) for value in real]).T
        if shift.max() > LEFT:
            raise RefusedError(f"weights {weights.name}: a multiplier of 2^{shift.max()}, expected at most 2^{LEFT}")
        folded = bias.data.astype(np.int64) - x.zero_point * matrix.astype(np.int64).sum(1)
        most = (np.abs(folded) + 128 * np.abs(matrix.astype(np.int64)).sum(1)) << np.maximum(shift, 0)
        if most.max() >= 2**31:
            raise RefusedError(f"weights {weights.name}: sums of up to {most.max()}, expected less than 2^31")
        low, high = activation_range(activation, y.scales[0], y.zero_point)
        matrix = np.ascontiguousarray(matrix)
        return Conv(weights.name, matrix, folded.astype(np.int32), multiplier, shift, y.zero_point, low, high)

    def _add(self, start: Tensor, x: Tensor) -> tuple[Add, Tensor]:
        options, inputs, y = self._take(ADD, x)
        if start not in inputs or y.shape != start.shape:
            raise RefusedError("an addition of something else than the block's input")
        # the sum is the same in either order
        scales = [float(tensor.scales[0]) for tensor in (start, x)]
        twice = 2 * max(scales)
        factors = [quantised_multiplier(scale / twice) for scale in scales]
        multiplier, shift = quantised_multiplier(twice / (2**20 * float(y.scales[0])))
        low, high = activation_range(options.scalar(0, "b"), y.scales[0], y.zero_point)
        return (
            Add(
                (start.zero_point, x.zero_point),
                (factors[0][0], factors[1][0]),
                (factors[0][1], factors[1][1]),
                y.zero_point,
                multiplier,
                shift,
                low,
                high,
            ),
            y,
        )


def depthwise_side(conv: Conv) -> int:
    """Side of a depthwise kernel."""
    return math.isqrt(conv.inputs)
