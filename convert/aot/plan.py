"""How graphs run: for each its schedule and its place in an arena that they share."""

from __future__ import annotations

from dataclasses import dataclass

from convert.aot import arena
from convert.aot.graph import Graph, Tensor
from convert.aot.schedule import Schedule

TILES = (1, 2, 4, 8, 16)
SPARE = 1 / 16  # of the arena, for a larger tile


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
    """All graphs with the largest tile whose common arena is hardly larger (SPARE) than the smallest one.

    `tiles`: numbers of tokens that may run through a loop together: each pass over the weights in flash serves so many.
    """
    candidates = [[_plan(graph, tile) for graph in graphs] for tile in tiles]
    totals = [max(plan.arena_bytes for plan in plans) for plans in candidates]
    return candidates[max(i for i, total in enumerate(totals) if total <= min(totals) * (1 + SPARE))]


def _plan(graph: Graph, tile: int) -> Plan:
    """With long or with short loops, whichever takes less."""
    plans = []
    for short in (False, True):
        schedule = Schedule(graph, tile, short)
        buffers = schedule.all_buffers()
        plans.append(Plan(graph, schedule, arena.place(buffers), arena.lower_bound(buffers)))
    return min(plans, key=lambda plan: plan.arena_bytes)
