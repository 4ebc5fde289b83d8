"""The C of an int8 vision network: NAME.h, NAME.c (blocks and their places), NAME.bin and NAME_data.S (constants in flash)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convert.aot.source import flash_data, write_changed
from convert.aot.vision.network import Add, Block, Conv, load
from convert.aot.vision.plan import VisionPlan, make_plan

ALIGNMENT = 8


class Constants:
    """One block of flash; `at` writes an array and gives the C expression of its address."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.block = bytearray()

    def at(self, array: np.ndarray, ctype: str) -> str:
        """Appends the array's bytes."""
        self.block += bytes(-len(self.block) % ALIGNMENT)
        offset = len(self.block)
        self.block += array.tobytes()
        return f"(const {ctype}*)(const void*)({self.name}_constants + {offset})"


def paired(weights: np.ndarray) -> np.ndarray:
    """Weights [channels, inputs] as bm_conv wants a matrix: of two channels by turns, four inputs each."""
    channels, inputs = weights.shape
    return np.ascontiguousarray(weights.reshape(channels // 2, 2, inputs // 4, 4).transpose(0, 2, 1, 3))


def conv_fields(conv: Conv, constants: Constants, matrix: bool) -> str:
    """Initialiser of a bm_conv."""
    arrays = [
        constants.at(paired(conv.weights) if matrix else conv.weights, "int8_t"),
        constants.at(conv.bias.astype("<i4"), "int32_t"),
        constants.at(conv.multiplier.astype("<i4"), "int32_t"),
        constants.at(conv.shift.astype(np.int8), "int8_t"),
    ]
    return f"{{{', '.join(arrays)}, {conv.inputs}, {conv.channels}, {conv.zero_point}, {conv.low}, {conv.high}}}"


def add_fields(add: Add | None) -> str:
    """Initialiser of a bm_int8_add."""
    if add is None:
        return "{{0, 0}, {0, 0}, {0, 0}, 0, 0, 0, 0, 0}"
    pairs = [f"{{{', '.join(map(str, pair))}}}" for pair in (add.zero_point, add.multiplier, add.shift)]
    rest = [add.out_zero_point, add.out_multiplier, add.out_shift, add.low, add.high]
    return f"{{{', '.join(pairs + [str(number) for number in rest])}}}"


def block_fields(block: Block, strip: int, constants: Constants) -> str:
    """Initialiser of a bm_block."""
    convs = [
        conv_fields(conv, constants, conv is not block.depthwise)
        for conv in (block.producer, block.depthwise, block.project)
    ]
    numbers = [int(block.has_stem), int(block.add is not None), block.side, block.kernel, block.stride, strip]
    return "{" + ",\n   ".join([*convs, add_fields(block.add), ", ".join(map(str, numbers))]) + "}"


def generate_vision(source: Path, out: Path, name: str = "bitmar_vision", arena_bytes: int = 0) -> dict:
    """Write the C of a .tflite file (see `network.load`) into `out`; equal input gives equal bytes.

    Args:
      arena_bytes: RAM that the firmware has for it anyway (the arena of its other graphs): see `plan.make_plan`.

    Returns:
      arena_bytes, arena_lower_bound, constants_bytes, the picture's side, the map's shape, and of each block its rows at a
      time and its work memory.
    """
    network = load(source)
    plan, constants = make_plan(network, arena_bytes), Constants(name)
    blocks = [block_fields(place.block, place.strip, constants) for place in plan.places]
    zero_point, last = network.picture_zero_point, network.blocks[-1]
    sizes = {
        "arena_bytes": (plan.arena_bytes, "of RAM, 4-byte aligned; nothing in it outlives a call"),
        "picture": (plan.picture, "offset of the picture, int8 [side][side][3]; it does not outlive the call"),
        "picture_side": (2 * network.blocks[0].side, ""),
        "map": (plan.map, "offset of the map, int8 [side][side][channels]"),
        "map_side": (last.out_side, ""),
        "map_channels": (last.project.channels, ""),
        "map_zero_point": (network.map_zero_point, ""),
    }
    files = {
        f"{name}.bin": bytes(constants.block),
        f"{name}.h": header(name, sizes),
        f"{name}.c": code(name, plan, blocks, zero_point),
    }
    files[f"{name}_data.S"] = flash_data({f"{name}_constants": f"{name}.bin"}, files)
    out.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_changed(out / file, content.encode() if isinstance(content, str) else content)
    return {
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound": plan.lower_bound,
        "constants_bytes": len(constants.block),
        "picture_side": 2 * network.blocks[0].side,
        "map": [last.out_side, last.out_side, last.project.channels],
        "blocks": [{"strip": place.strip, "work_bytes": place.work_bytes} for place in plan.places],
    }


def header(name: str, sizes: dict[str, tuple[int, str]]) -> str:
    """NAME.h."""
    lines = [
        f"#define {name.upper()}_{key.upper()} ({value})" + (f" /* {comment} */" if comment else "")
        for key, (value, comment) in sizes.items()
    ]
    return f"""/* Generated by convert/aot/vision; do not edit. */
#ifndef {name.upper()}_H_
#define {name.upper()}_H_

#include "bitmar_vision.h"

#ifdef __cplusplus
extern "C" {{
#endif

{chr(10).join(lines)}

/* The picture in the arena becomes the map in the arena. */
bm_status {name}_run(uint8_t* arena);

#ifdef __cplusplus
}}
#endif

#endif
"""


def code(name: str, plan: VisionPlan, blocks: list[str], zero_point: int) -> str:
    """NAME.c."""
    places = ",\n".join(f"  {{{p.source}, {p.out}, {p.work}, {p.work_bytes}}}" for p in plan.places)
    return f"""/* Generated by convert/aot/vision from a .tflite file; do not edit. */
#include "{name}.h"

extern const uint8_t {name}_constants[];

static const bm_block kBlocks[] = {{
  {("," + chr(10) + "  ").join(blocks)}
}};

/* offsets in the arena: input, output, work memory and its bytes */
static const int32_t kPlaces[][4] = {{
{places}
}};

bm_status {name}_run(uint8_t* arena) {{
  for (size_t i = 0; i < sizeof kBlocks / sizeof kBlocks[0]; i++) {{
    const int32_t* at = kPlaces[i];
    bm_status status = bm_block_run(&kBlocks[i], (int8_t*)arena + at[0], (int8_t*)arena + at[1], {zero_point},
                                    arena + at[2], (size_t)at[3]);
    if (status != BM_OK) return status;
  }}
  return BM_OK;
}}
"""
