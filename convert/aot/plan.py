"""How graphs run: for each its schedule and its place in an arena that they share."""

from __future__ import annotations

from dataclasses import dataclass

from convert.aot import arena
from convert.aot.graph import Graph, Tensor
from convert.aot.schedule import Schedule

TILES = (1, 2, 4, 8, 16)


@dataclass
class Plan:
    """One graph: its schedule for the chosen tile and what its arena takes."""

    graph: Graph
    schedule: Schedule
    arena_bytes: int
    lower_bound: int

    def offset(self, tensor: Tensor) -> int:
        """Where an input, an output or a variable tensor lies in the arena."""
        return self.schedule.buffers[self.schedule.root(tensor)].offset


def make_plans(graphs: list[Graph], tiles: tuple[int, ...] = TILES) -> list[Plan]:
    """All graphs with the largest tile that does not make their common arena larger than the best one.

    `tiles`: numbers of tokens that may run through a loop together.
    """
    candidates = []
    for tile in tiles:
        plans = []
        for graph in graphs:
            schedule = Schedule(graph, tile)
            buffers = schedule.all_buffers()
            plans.append(Plan(graph, schedule, arena.place(buffers), arena.lower_bound(buffers)))
        candidates.append(plans)
    totals = [max(plan.arena_bytes for plan in plans) for plans in candidates]
    return candidates[max(i for i, total in enumerate(totals) if total == min(totals))]
