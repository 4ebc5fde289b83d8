"""Packs ternary codes into bytes and back, exactly. docs/custom-ops.md has the layouts; kernels/ reads them.

`rm2`: row-major, four codes a byte, code = w + 1 in bits 2 * (column % 4); columns padded to a multiple of four with weight 0.
`b3`: five rows share the byte of a column: sum over i < 5 of (w[5 r + i][c] + 1) * 3^i; rows padded to a multiple of five with
weight 0. Exactly 1.6 bits a weight.
`pl14`: two bits a weight, where a Cortex-M7's SMLAD wants them; rows padded to a multiple of eight, columns of 16, with weight 0.
`c5`: five columns of one row share a byte, as base-3 digits; the bytes of eight rows stand side by side. Rows padded to a
multiple of eight, columns of five, with weight 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LAYOUTS = {"rm2": 0, "b3": 1, "pl14": 2, "c5": 3}  # the op's `layout` attribute
LAYOUT_NAMES = {number: name for name, number in LAYOUTS.items()}

POWERS_OF_3 = np.array([1, 3, 9, 27, 81], np.uint8)


@dataclass(frozen=True)
class _Layout:
    """How whole units [rows % unit_rows == 0, cols % unit_cols == 0] become bytes and come back."""

    unit_rows: int
    unit_cols: int
    weights_a_byte: int
    pack: Callable[[np.ndarray], np.ndarray]  # codes 0..2 [rows, cols] -> uint8, any shape
    unpack: Callable[
        [np.ndarray, int], np.ndarray
    ]  # uint8 [n], cols -> codes; above 2 where `pack` writes no such byte

    def padded(self, rows: int, cols: int) -> tuple[int, int]:
        return -(-rows // self.unit_rows) * self.unit_rows, -(-cols // self.unit_cols) * self.unit_cols


def _pack_rm2(codes: np.ndarray) -> np.ndarray:
    quads = codes.reshape(len(codes), -1, 4)
    return (quads << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2, dtype=np.uint8)


def _unpack_rm2(packed: np.ndarray, cols: int) -> np.ndarray:
    return ((packed[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3).reshape(-1, cols)


def _pack_b3(codes: np.ndarray) -> np.ndarray:
    fives = codes.reshape(-1, 5, codes.shape[1])
    return (fives * POWERS_OF_3[:, None]).sum(axis=1, dtype=np.uint8)


def _unpack_b3(packed: np.ndarray, cols: int) -> np.ndarray:
    return _digits(packed.reshape(-1, 1, cols), POWERS_OF_3[:, None]).reshape(-1, cols)


def _digits(packed: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Base-3 digits; all 3 for a byte above 242."""
    return np.where(packed > 242, np.uint8(3), packed // powers % 3)


def _pl14_shifts() -> np.ndarray:
    """For the rows a, b of a pair and eight columns: the place of the lower bit in their word, [2, 8]."""
    c = np.arange(8)
    return np.stack([4 * (c // 2) + 16 * (c % 2) + lane for lane in (0, 14)]).astype(np.uint32) % 32


def _pack_pl14(codes: np.ndarray) -> np.ndarray:
    rows, cols = codes.shape
    # [octet, pair, a or b, columns / 8, 8] -> a word for every octet, eight columns, pair
    eights = codes.reshape(rows // 8, 4, 2, cols // 8, 8).transpose(0, 3, 1, 2, 4).astype(np.uint32)
    eights[:, :, :, 1] = (eights[:, :, :, 1] - 1) & 3  # row b in two's complement
    words = (eights << _pl14_shifts()).sum(axis=(3, 4), dtype=np.uint32)
    return np.ascontiguousarray(words, "<u4").view(np.uint8)


def _unpack_pl14(packed: np.ndarray, cols: int) -> np.ndarray:
    words = packed.view("<u4").reshape(-1, cols // 8, 4, 1, 1)
    eights = (words >> _pl14_shifts() & 3).astype(np.uint8)
    eights[:, :, :, 1] = (eights[:, :, :, 1] + 1) & 3
    return eights.transpose(0, 2, 3, 1, 4).reshape(-1, cols)


def _pack_c5(codes: np.ndarray) -> np.ndarray:
    rows, cols = codes.shape
    fives = codes.reshape(rows // 8, 8, cols // 5, 5) * POWERS_OF_3
    return fives.sum(axis=3, dtype=np.uint8).swapaxes(1, 2)


def _unpack_c5(packed: np.ndarray, cols: int) -> np.ndarray:
    fives = packed.reshape(-1, cols // 5, 8).swapaxes(1, 2)
    return _digits(fives[..., None], POWERS_OF_3).reshape(-1, cols)


_LAYOUTS = {
    "rm2": _Layout(1, 4, 4, _pack_rm2, _unpack_rm2),
    "b3": _Layout(5, 1, 5, _pack_b3, _unpack_b3),
    "pl14": _Layout(8, 16, 4, _pack_pl14, _unpack_pl14),
    "c5": _Layout(8, 5, 5, _pack_c5, _unpack_c5),
}


def _layout(name: str) -> _Layout:
    if name not in _LAYOUTS:
        raise ValueError(f"layout is '{name}', expected one of {', '.join(_LAYOUTS)}")
    return _LAYOUTS[name]


def packed_bytes(layout: str, rows: int, cols: int) -> int:
    """Size of a packed [rows, cols] matrix."""
    form = _layout(layout)
    rows, cols = form.padded(rows, cols)
    return rows * cols // form.weights_a_byte


def pack(codes: np.ndarray, layout: str) -> np.ndarray:
    """Ternary codes -> bytes.

    Args: codes: integers in {-1, 0, 1}, [rows, cols]; layout: one of `LAYOUTS`.
    Returns: uint8 [packed_bytes(layout, rows, cols)].
    Raises: ValueError: a code outside {-1, 0, 1}, not a matrix, or an unknown layout.
    """
    form, codes = _layout(layout), np.asarray(codes)
    if codes.ndim != 2:
        raise ValueError(f"codes have shape {codes.shape}, expected [rows, cols]")
    if not np.isin(codes, (-1, 0, 1)).all():
        raise ValueError("codes outside {-1, 0, 1}")
    padding = [(0, whole - part) for whole, part in zip(form.padded(*codes.shape), codes.shape, strict=True)]
    whole = np.pad((codes + 1).astype(np.uint8), padding, constant_values=1)
    return np.ascontiguousarray(form.pack(whole)).reshape(-1)


def unpack(packed: np.ndarray, layout: str, rows: int, cols: int) -> np.ndarray:
    """The exact inverse of `pack`.

    Args: packed: uint8 [packed_bytes(layout, rows, cols)].
    Returns: int8 [rows, cols] in {-1, 0, 1}.
    Raises: ValueError: another number of bytes, bytes that `pack` never writes, or an unknown layout.
    """
    form = _layout(layout)
    packed = np.ascontiguousarray(packed, np.uint8).reshape(-1)
    if packed.size != packed_bytes(layout, rows, cols):
        raise ValueError(f"{packed.size} bytes, expected {packed_bytes(layout, rows, cols)} for {layout} {rows}x{cols}")
    codes = form.unpack(packed, form.padded(rows, cols)[1])
    if (codes > 2).any():
        raise ValueError(f"{layout} bytes that no ternary matrix has")
    return codes[:rows, :cols].astype(np.int8) - 1
