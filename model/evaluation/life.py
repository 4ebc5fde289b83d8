"""What becomes of a small memory in use: one thing, one memory. The reference for the rules of docs/sd-format.md, keys alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.evaluation.machine import int8_units

LIVES, TEACHINGS, THINGS, SLOTS = 25, 200, 24, 16


@dataclass(frozen=True)
class Rules:
    """When a picture of the same name is merged, and how.

    same: least cosine to merge into a slot of the same name; below it the thing takes another slot (a prototype).
    cap: a running mean over the views so far (1/n), then over the last `cap` or so (1/cap).
    prototypes: most slots of one thing; the next view is merged into the nearest whatever its cosine.
    """

    same: float = 0.0
    cap: int = 16
    prototypes: int = 2


@dataclass
class Slot:
    """One slot: key unit [D], the label, views merged, the last access."""

    key: np.ndarray
    name: str
    views: int
    access: int


@dataclass
class SimulatedMemory:
    """K slots under the rules; retention is recency here, as it is for things of equal importance that are not asked for."""

    size: int
    rules: Rules
    slots: list[Slot] = field(default_factory=list)
    clock: int = 0

    def teach(self, name: str, key: np.ndarray) -> None:
        """Merge, take an empty slot, or evict the thing that was not touched for longest, all its prototypes."""
        self.clock += 1
        own = [slot for slot in self.slots if slot.name == name]
        nearest = max(own, key=lambda slot: float(slot.key @ key), default=None)
        if nearest is not None and (nearest.key @ key >= self.rules.same or len(own) >= self.rules.prototypes):
            rate = max(1 / (nearest.views + 1), 1 / self.rules.cap)
            nearest.key = int8_units(((1 - rate) * nearest.key + rate * key)[None])[0]
            nearest.views += 1
        else:
            if len(self.slots) >= self.size:
                oldest = min(self.slots, key=lambda slot: slot.access).name
                self.slots = [slot for slot in self.slots if slot.name != oldest]
            self.slots.append(Slot(key, name, 1, self.clock))
        for slot in self.slots:
            if slot.name == name:
                slot.access = self.clock

    def ask(self, key: np.ndarray) -> str:
        """The label of the best slot."""
        return max(self.slots, key=lambda slot: float(slot.key @ key)).name


def lives(units: np.ndarray, drawings: list[np.ndarray], rules: Rules, seed: int, count: int = LIVES) -> dict[str, Any]:
    """`count` memories, each taught 200 times: a random one of 24 things, in a random one of its drawings, under its name.

    Args: units: unit keys of all drawings [N, D]; drawings: rows of each thing, at least two.
    Returns: duplicates: slots of a name beyond the prototypes that a thing may have;
        prototypes: second slots, mean of a life; latest_kept: share of the 16 things taught last that are still there;
        right: share of asked things that are there whose name is answered, asked with a drawing other than the last taught.
    """
    rng = np.random.default_rng((seed, 8))
    kept, right, extra, duplicates = [], [], [], 0
    for _ in range(count):
        things = rng.permutation(len(drawings))[:THINGS]
        memory, last = SimulatedMemory(SLOTS, rules), {}
        for moment in range(TEACHINGS):
            thing = int(things[rng.integers(THINGS)])
            shown = int(rng.choice(drawings[thing]))
            memory.teach(str(thing), units[shown])
            last[thing] = (moment, shown)
        latest = sorted(last, key=lambda thing: -last[thing][0])[:SLOTS]
        there = Counter(slot.name for slot in memory.slots)
        kept += [str(thing) in there for thing in latest]
        extra.append(len(memory.slots) - len(there))
        duplicates += sum(max(0, slots - rules.prototypes) for slots in there.values())
        for thing in last:
            if str(thing) in there:
                others = drawings[thing][drawings[thing] != last[thing][1]]
                right.append(memory.ask(units[int(rng.choice(others))]) == str(thing))
    return {
        "duplicates": duplicates,
        "prototypes": round(float(np.mean(extra)), 2),
        "latest_kept": round(float(np.mean(kept)), 4),
        "right": round(float(np.mean(right)), 4),
        "lives": count,
    }
