"""Where the maps of a vision network lie in one arena, and how many rows a block computes at a time.

A block needs its input, its output (the input itself where it adds to it) and the work memory of bm_block_run at the same
time. Rows of input are read from the first to the last and not again, so the output is written over those that were read: it
begins as many bytes before the input as it would otherwise overtake it (`lead`). Where there is not that much room, because
the input lies at the beginning, the output goes to the arena's other end. The arena is as large as the block that needs most,
which is also the lower bound for these kernels with one row at a time. Blocks that need less take as many rows as fit, and
what is left is scratch: both let them read their weights less often.
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


def lead(block: Block) -> int:
    """How many bytes before its input a block's output must begin at least, one row at a time, to overwrite only what was read.

    More rows at a time read further ahead, and need less.
    """
    if block.add:
        return 0
    total = (block.out_side - 1) * block.stride + block.kernel - block.side
    ahead = block.kernel - max(0, total) // 2
    in_row, out_row = (
        block.in_bytes // block.side,
        block.out_bytes // block.out_side,
    )  # of the stem: two of the picture's
    rows_read = [(r, r * block.stride + ahead) for r in range(block.out_side)]
    return aligned(max([0, *((r + 1) * out_row - read * in_row for r, read in rows_read if read < block.side)]))


def held_bytes(block: Block) -> int:
    """Input and output, one over the other."""
    return max(lead(block) + aligned(block.in_bytes), aligned(block.out_bytes))


def make_plan(network: Network, arena_bytes: int = 0) -> VisionPlan:
    """`arena_bytes`: RAM that is there anyway; more than the lower bound is used for more rows at a time."""
    least = max(held_bytes(block) + work_bytes(block, 1) for block in network.blocks)
    arena = max(least, arena_bytes // 4 * 4)
    while not (places := _places(network, arena)):
        arena += 64  # an output that had to go to the other end is beside its input
    return VisionPlan(places, arena, least, places[0].source, places[-1].out)


def _places(network: Network, arena: int) -> tuple[Place, ...]:
    """All blocks; nothing where one has no room for a row."""
    places, source = [], lead(network.blocks[0])
    for block in network.blocks:
        size, out_size = aligned(block.in_bytes), aligned(block.out_bytes)
        out = source if block.add else 0 if source >= lead(block) else arena - out_size
        taken = sorted({(source, source + size), (out, out + out_size)})
        ends = [0, *(end for _, end in taken)]
        begins = [*(begin for begin, _ in taken), arena]
        room, work = max((begin - end, end) for begin, end in zip(begins, ends, strict=True))
        if room < work_bytes(block, 1):
            return ()
        strip = max(rows for rows in range(1, block.out_side + 1) if work_bytes(block, rows) <= room)
        places.append(Place(block, strip, source, out, work, room))
        source = out
    return tuple(places)
