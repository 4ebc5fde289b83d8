"""The constants of all graphs in one block of flash: equal ones are stored once."""

from __future__ import annotations

from convert.aot.graph import Tensor

ALIGNMENT = 16


class Weights:
    """Collects constants; each gets an offset into the block `bitmar_weights`."""

    def __init__(self) -> None:
        self.block = bytearray()
        self.names: dict[int, str] = {}
        self._offsets: dict[bytes, int] = {}

    def offset(self, tensor: Tensor) -> int:
        """Where a constant lies in the block, which grows by it the first time; equal bytes are stored once."""
        assert tensor.data is not None
        if tensor.data not in self._offsets:
            self.block += bytes(-len(self.block) % ALIGNMENT)
            self._offsets[tensor.data] = len(self.block)
            self.names[len(self.block)] = tensor.name
            self.block += tensor.data
        return self._offsets[tensor.data]
