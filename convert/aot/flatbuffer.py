"""Read FlatBuffers tables and FlexBuffers maps by offset (https://flatbuffers.dev/internals, .../flexbuffers).

Only what .tflite files need. Every access is checked against the file's length: a broken file is a ValueError, never
garbage.
"""

from __future__ import annotations

import struct


class Table:
    """A FlatBuffers table: fields are numbered as in the schema, missing ones have their default."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position
        self.vtable = position - _unpack("<i", data, position)
        self.vtable_bytes = _unpack("<H", data, self.vtable)

    def _field(self, number: int) -> int:
        """Position of a field, 0 where it is not stored."""
        slot = 4 + 2 * number
        offset = _unpack("<H", self.data, self.vtable + slot) if slot < self.vtable_bytes else 0
        return self.position + offset if offset else 0

    def scalar(self, number: int, code: str, default: int = 0) -> int:
        """A number; `code` is one of struct's (b B h H i I q Q f d)."""
        position = self._field(number)
        return _unpack("<" + code, self.data, position) if position else default

    def table(self, number: int) -> Table | None:
        """The table that a field refers to; None where it is not stored."""
        position = self._field(number)
        return Table(self.data, _follow(self.data, position)) if position else None

    def text(self, number: int) -> str:
        """A string field; empty where it is not stored."""
        return self.bytes(number).decode("utf-8", "replace")

    def bytes(self, number: int) -> bytes:
        """A vector of bytes or a string; empty where it is not stored."""
        start, count = self._vector(number, 1)
        return self.data[start : start + count]

    def numbers(self, number: int, code: str) -> tuple[int, ...]:
        """A vector of numbers."""
        start, count = self._vector(number, struct.calcsize("<" + code))
        return struct.unpack_from(f"<{count}{code}", self.data, start)

    def tables(self, number: int) -> list[Table]:
        """A vector of tables."""
        start, count = self._vector(number, 4)
        return [Table(self.data, _follow(self.data, start + 4 * i)) for i in range(count)]

    def _vector(self, number: int, item_bytes: int) -> tuple[int, int]:
        position = self._field(number)
        if not position:
            return 0, 0
        start = _follow(self.data, position)
        count = _unpack("<I", self.data, start)
        if start + 4 + count * item_bytes > len(self.data):
            raise ValueError(f"a vector of {count} items at {start} does not fit into {len(self.data)} bytes")
        return start + 4, count


def root(data: bytes) -> Table:
    """The root table of a FlatBuffers file."""
    return Table(data, _unpack("<I", data, 0))


def flexbuffer_map(data: bytes) -> dict[str, int | float | bool]:
    """A FlexBuffers map of scalars, as TensorFlow writes the attributes of a custom op."""
    if not data:
        return {}
    if len(data) < 3:
        raise ValueError("a FlexBuffers value has at least 3 bytes")
    root_bytes, root_type = data[-1], data[-2]
    if root_type >> 2 != 9:
        raise ValueError(f"the options are FlexBuffers type {root_type >> 2}, expected 9 (a map)")
    width = 1 << (root_type & 3)
    values = _flex_follow(data, len(data) - 2 - root_bytes, root_bytes)
    count = _flex_number(data, values - width, width, "u")
    keys = _flex_follow(data, values - 3 * width, width)
    key_width = _flex_number(data, values - 2 * width, width, "u")
    result: dict[str, int | float | bool] = {}
    for i in range(count):
        key = _flex_follow(data, keys + i * key_width, key_width)
        name = data[key : data.index(0, key)].decode()
        kind = data[values + count * width + i]
        result[name] = _flex_value(data, values + i * width, width, kind)
    return result


def _flex_value(data: bytes, position: int, width: int, kind: int) -> int | float | bool:
    family = kind >> 2
    if family in (1, 2, 3, 26):  # int, uint, float, bool: in place
        value = _flex_number(data, position, width, {1: "i", 2: "u", 3: "f", 26: "u"}[family])
        return bool(value) if family == 26 else value
    if family in (6, 7, 8):  # the same, but elsewhere
        child = 1 << (kind & 3)
        return _flex_number(data, _flex_follow(data, position, width), child, {6: "i", 7: "u", 8: "f"}[family])
    raise ValueError(f"an option of FlexBuffers type {family}, expected a number")


def _flex_number(data: bytes, position: int, width: int, family: str) -> int | float:
    code = {"i": "bhiq", "u": "BHIQ", "f": "?efd"}[family][width.bit_length() - 1]
    return _unpack("<" + code, data, position)


def _flex_follow(data: bytes, position: int, width: int) -> int:
    return position - int(_flex_number(data, position, width, "u"))


def _follow(data: bytes, position: int) -> int:
    return position + _unpack("<I", data, position)


def _unpack(code: str, data: bytes, position: int) -> int:
    if position < 0 or position + struct.calcsize(code) > len(data):
        raise ValueError(f"offset {position} lies outside of the file's {len(data)} bytes")
    return struct.unpack_from(code, data, position)[0]
