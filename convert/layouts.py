"""Packs ternary codes into bytes and back, exactly. docs/custom-ops.md has the layouts; kernels/ reads them.

`rm2`: row-major, four codes a byte, code = w + 1 in bits 2 * (column % 4); columns padded to a multiple of four with weight 0.
`b3`: five rows share the byte of a column: sum over i < 5 of (w[5 r + i][c] + 1) * 3^i; rows padded to a multiple of five with
weight 0. Exactly 1.6 bits a weight.
"""

from __future__ import annotations

import numpy as np

LAYOUTS = {"rm2": 0, "b3": 1}  # the op's `layout` attribute
LAYOUT_NAMES = {number: name for name, number in LAYOUTS.items()}

POWERS_OF_3 = np.array([1, 3, 9, 27, 81], np.uint8)


def _padded(codes: np.ndarray, axis: int, multiple: int) -> np.ndarray:
    """w + 1 as uint8, with weight 0 (code 1) up to a multiple along `axis`."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (0, -codes.shape[axis] % multiple)
    return np.pad((codes + 1).astype(np.uint8), padding, constant_values=1)


def packed_bytes(layout: str, rows: int, cols: int) -> int:
    """Size of a packed [rows, cols] matrix."""
    return rows * -(-cols // 4) if layout == "rm2" else -(-rows // 5) * cols


def pack(codes: np.ndarray, layout: str) -> np.ndarray:
    """Ternary codes -> bytes.

    Args: codes: integers in {-1, 0, 1}, [rows, cols]; layout: "rm2" or "b3".
    Returns: uint8 [packed_bytes(layout, rows, cols)].
    Raises: ValueError: a code outside {-1, 0, 1}, not a matrix, or an unknown layout.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2:
        raise ValueError(f"codes have shape {codes.shape}, expected [rows, cols]")
    if not np.isin(codes, (-1, 0, 1)).all():
        raise ValueError("codes outside {-1, 0, 1}")
    rows, cols = codes.shape
    if layout == "rm2":
        quads = _padded(codes, 1, 4).reshape(rows, -1, 4)
        return (quads << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2, dtype=np.uint8).reshape(-1)
    if layout == "b3":
        fives = _padded(codes, 0, 5).reshape(-1, 5, cols)
        return (fives * POWERS_OF_3[:, None]).sum(axis=1, dtype=np.uint8).reshape(-1)
    raise ValueError(f"layout is '{layout}', expected one of {', '.join(LAYOUTS)}")


def unpack(packed: np.ndarray, layout: str, rows: int, cols: int) -> np.ndarray:
    """The exact inverse of `pack`.

    Args: packed: uint8 [packed_bytes(layout, rows, cols)].
    Returns: int8 [rows, cols] in {-1, 0, 1}.
    Raises: ValueError: another number of bytes, bytes that `pack` never writes, or an unknown layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout is '{layout}', expected one of {', '.join(LAYOUTS)}")
    packed = np.asarray(packed, np.uint8).reshape(-1)
    if packed.size != packed_bytes(layout, rows, cols):
        raise ValueError(f"{packed.size} bytes, expected {packed_bytes(layout, rows, cols)} for {layout} {rows}x{cols}")
    if layout == "rm2":
        digits = (packed[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3
        if (digits == 3).any():
            raise ValueError("rm2 bytes with code 3")
        return digits.reshape(rows, -1)[:, :cols].astype(np.int8) - 1
    if packed.size and packed.max() > 242:
        raise ValueError("b3 bytes above 242")
    digits = packed.reshape(-1, 1, cols) // POWERS_OF_3[:, None] % 3
    return digits.reshape(-1, cols)[:rows].astype(np.int8) - 1
