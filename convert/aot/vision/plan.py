"""Where the maps of a vision network lie in one arena, and how many rows a block computes at a time.

A block needs its input, its output (the input itself where it adds to it) and the work memory of bm_block_run at the same
time. Inputs and outputs lie at the two ends of the arena by turns, work memory between them: so the arena is as large as
the block that needs most, which is also the lower bound for these kernels with one row at a time. Blocks that need less take
as many rows as fit, and what is left is scratch: both let them read their weights less often.
"""

from __future__ import annotations

from dataclasses import dataclass

from convert.aot.vision.network import STEM_INPUTS, Block, Network


@dataclass(frozen=True)
class Place:
    """One block in the arena: byte offsets, `strip` rows of output at a time."""

    block: Block
    strip: int
    source: int
    out: int
    work: int
    work_bytes: int


@dataclass(frozen=True)
class VisionPlan:
    """All blocks; the picture is put at `picture`, the map is found at `map`."""

    places: tuple[Place, ...]
    arena_bytes: int
    lower_bound: int
    picture: int
    map: int


def aligned(count: int) -> int:
    """Up to a multiple of four."""
    return -(-count // 4) * 4


def work_bytes(block: Block, strip: int) -> int:
    """bm_block_work_bytes with the least scratch."""
    strip = min(strip, block.out_side)
    line = aligned((block.out_side - 1) * block.stride + block.kernel + block.stride - 1)
    channels = block.producer.channels
    ring = ((strip - 1) * block.stride + block.kernel) * channels * line
    middle = aligned(strip * block.out_side * channels)
    projected = aligned(strip * block.out_side * block.project.channels) if block.add else 0
    gathered = block.side * STEM_INPUTS if block.has_stem else 0
    scratch = max(4 * block.producer.inputs + gathered, 4 * block.project.inputs)
    return ring + middle + projected + scratch


def held_bytes(block: Block) -> int:
    """Input and output."""
    return aligned(block.in_bytes) + (0 if block.add else aligned(block.out_bytes))


def make_plan(network: Network, arena_bytes: int = 0) -> VisionPlan:
    """`arena_bytes`: RAM that is there anyway; more than the lower bound is used for more rows at a time."""
    least = max(held_bytes(block) + work_bytes(block, 1) for block in network.blocks)
    arena = max(least, arena_bytes // 4 * 4)
    places, source, at_end = [], 0, False
    for block in network.blocks:
        room = arena - held_bytes(block)
        strip = max(rows for rows in range(1, block.out_side + 1) if work_bytes(block, rows) <= room)
        size = aligned(block.in_bytes)
        if block.add:
            out, work = source, 0 if at_end else size
        else:
            out = 0 if at_end else arena - aligned(block.out_bytes)
            work = aligned(block.out_bytes) if at_end else size
            at_end = not at_end
        places.append(Place(block, strip, source, out, work, room))
        source = out
    return VisionPlan(tuple(places), arena, least, places[0].source, places[-1].out)
