"""The device in Python: a ternary model, its memory on a card, pictures in, names out. Needs no TensorFlow.

from bitmar import Device

with Device(card="card") as device:
    device.teach("cup.jpg", "grandma's cup")
    print(device.ask("cup2.jpg").name)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitmar.bench import Figures
    from bitmar.device import Answer, Confirmed, Device, Taught
    from bitmar.engine import Picture
    from bitmar.errors import BitmarError
    from bitmar.memory import Slot, State
    from bitmar.timing import Timing

_HOMES = {
    "Answer": "bitmar.device",
    "BitmarError": "bitmar.errors",
    "Confirmed": "bitmar.device",
    "Device": "bitmar.device",
    "Figures": "bitmar.bench",
    "Picture": "bitmar.engine",
    "Slot": "bitmar.memory",
    "State": "bitmar.memory",
    "Taught": "bitmar.device",
    "Timing": "bitmar.timing",
}
__all__ = ["Answer", "BitmarError", "Confirmed", "Device", "Figures", "Picture", "Slot", "State", "Taught", "Timing"]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used: `import bitmar` alone loads neither NumPy nor a runtime (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bitmar' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
