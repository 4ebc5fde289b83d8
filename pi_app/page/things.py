"""What the memory holds, for people: things (one name each), a state of the past, the card's health."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from bitmar.device import Device
from bitmar.memory import Slot

WRITE_BYTES = 3 * 16 * 1024  # that a card programs for a teach, and
ERASURES = 1000  # that a block of it survives: the assumptions of docs/sd-format.md, "Wear"


def grouped(slots: Iterable[Slot]) -> Iterator[dict[str, Any]]:
    """One dictionary for each name, in the order of the lowest slots; a thing may have several."""
    things: dict[str, list[Slot]] = {}
    for slot in slots:
        things.setdefault(slot.name, []).append(slot)
    for name, own in things.items():
        yield {
            "name": name,
            "slots": [slot.slot for slot in own],
            "views": sum(slot.views for slot in own),
            "uses": max(slot.uses for slot in own),
            "importance": round(own[0].importance, 4),
            "kept": own[0].kept,
            "saved": all(slot.saved for slot in own),
            "decodes": any(slot.decodes for slot in own),
            "time": max(slot.time for slot in own),
        }


def names_in(device: Device, number: int) -> list[str]:
    """What the memory held in a state, by name, in the order of slots."""
    _, newest = device.memory.history_range()
    content = {slot.slot: slot.name for slot in device.memory.slots()}
    if number != newest:
        content |= {d.slot: d.before for d in device.memory.diff(number, newest)}
    return list(dict.fromkeys(content[slot] for slot in sorted(content) if content[slot]))


def health(device: Device) -> dict[str, Any]:
    """What opening found, what is lost, the room on the card and how worn it is by this memory's writes."""
    memory, report = device.memory, device.memory.report
    stats, room = memory.stats(), os.statvfs(memory.card)
    (oldest, newest), size = memory.history_range(), room.f_blocks * room.f_frsize
    repaired = report.primary_repaired + report.mirror_repaired + report.metadata_repaired + report.log_repaired
    return {
        "report": memory.report_text(),
        "repaired_sectors": repaired,
        "lost": report.lost,
        "read_only": memory.read_only,
        "free_bytes": room.f_bavail * room.f_frsize,
        "size_bytes": size,
        "writes": newest,
        "oldest_state": oldest,
        "bytes_written": stats.bytes_written,
        "corrected_reads": stats.corrected,
        "worn": round(newest * WRITE_BYTES / (size * ERASURES), 9) if size else 0.0,
    }
