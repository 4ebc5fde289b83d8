"""A vision network for vision_cmsis.c, and that program's run on the emulated Cortex-M7."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from benchmarks.cmsis import cmsis_nn
from convert.aot.vision.network import Add, Block, Conv, Network
from tests.kernels.build import ROOT, TARGETS, compile_to

M7 = TARGETS["cortex-m7"]
RECORD = 16  # int32 numbers of a layer


class Image:
    """The array `network` of vision_cmsis.c."""

    def __init__(self, network: Network) -> None:
        self.layers: list[list[int]] = []
        count = sum(3 + (block.add is not None) for block in network.blocks)
        self.data = bytearray(4 + 4 * RECORD * count)
        zero = network.picture_zero_point
        for block in network.blocks:
            zero = self.block(block, zero)
        struct.pack_into(f"<{1 + RECORD * count}i", self.data, 0, count, *np.concatenate(self.layers).tolist())

    def put(self, array: np.ndarray) -> int:
        """Appends the array; its offset."""
        self.data += bytes(-len(self.data) % 16)
        offset = len(self.data)
        self.data += array.tobytes()
        return offset

    def conv(self, conv: Conv, kind: int, sides: tuple[int, int], shape: tuple[int, int, int], zero: int) -> int:
        """A convolution of (side in, side out), (channels in, kernel, stride); the zero point of what it gives."""
        channels, kernel, stride = shape
        pad = max((sides[1] - 1) * stride + kernel - sides[0], 0) // 2
        weights = conv.weights[:, :27] if kernel == 3 and kind == 0 else conv.weights  # the stem's zeros
        bias = conv.bias.astype(np.int64) + zero * weights.astype(np.int64).sum(1)
        arrays = [
            weights.T if kind == 1 else weights,
            bias.astype("<i4"),
            conv.multiplier.astype("<i4"),
            conv.shift.astype("<i4"),
        ]
        places = [self.put(np.ascontiguousarray(array)) for array in arrays]
        shape_in, shape_out = (sides[0], channels), (sides[1], conv.channels)
        offsets = (-zero, conv.zero_point)
        self.layers.append(
            [kind, *shape_in, *shape_out, kernel, stride, pad, *offsets, conv.low, conv.high, *places],
        )
        return conv.zero_point

    def block(self, block: Block, zero: int) -> int:
        """All layers of a block; the zero point of its output."""
        producer = (3, 3, 2) if block.has_stem else (block.producer.inputs, 1, 1)
        side = 2 * block.side if block.has_stem else block.side
        zero = self.conv(block.producer, 0, (side, block.side), producer, zero)
        depthwise = (block.producer.channels, block.kernel, block.stride)
        zero = self.conv(block.depthwise, 1, (block.side, block.out_side), depthwise, zero)
        zero = self.conv(block.project, 0, (block.out_side, block.out_side), (block.project.inputs, 1, 1), zero)
        return self.add(block.add, block) if block.add else zero

    def add(self, add: Add, block: Block) -> int:
        """The addition of the block's input."""
        numbers = [*add.zero_point, *add.multiplier, *add.shift, add.out_zero_point, add.out_multiplier, add.out_shift]
        place, side, channels = self.put(np.array(numbers, "<i4")), block.out_side, block.project.channels
        self.layers.append([2, side, channels, side, channels, 1, 1, 0, 0, 0, add.low, add.high, place, 0, 0, 0])
        return add.out_zero_point


def run(network: Network, pictures: np.ndarray, folder: Path) -> tuple[int, np.ndarray]:
    """Instructions of the first picture, and the maps; CMSIS-NN comes from PyPI's bakenn."""
    vendor = cmsis_nn()
    (folder / "network.bin").write_bytes(Image(network).data)
    (folder / "network.S").write_text(
        f'.section .model,"a"\n.global network\n.balign 32\nnetwork: .incbin "{folder / "network.bin"}"\n'
    )
    sources = [ROOT / "benchmarks" / "vision_cmsis.c", folder / "network.S"]
    sources += sorted((vendor / "cmsis_nn" / "Source").rglob("*.c"))
    flags = [
        "-std=gnu11",
        "-w",
        "-ffunction-sections",
        "-fdata-sections",
        "-Wl,--gc-sections",
        "-Wl,--undefined=vectors",
    ]
    flags += ["-Wl,--section-start=.model=0x60000000"]
    flags += [f"-I{vendor / 'cmsis_nn' / 'Include'}", f"-I{vendor / 'cmsis_core' / 'Include'}"]
    elf = compile_to("vision_cmsis", M7, sources, flags)
    pictures.tofile(folder / "in")
    said = M7.run(elf, str(folder / "in"), str(folder / "out"), timeout=1200)
    last = network.blocks[-1]
    shape = (len(pictures), last.out_side, last.out_side, last.project.channels)
    return int(said), np.fromfile(folder / "out", np.int8).reshape(shape)
