"""Scratch memory of the kernels: the macros of bitmar_kernels.h (the generated C asserts that they agree)."""

from __future__ import annotations

from convert.aot.graph import Operator
from convert.layouts import LAYOUTS

HEADS = ("BITMAR_TERNARY_TOPK", "BITMAR_TERNARY_CLASS_TOPK")


def token_bytes(cols: int) -> int:
    """BM_TOKEN_BYTES."""
    return (cols + 63) // 64 * 260 + 160


def table_bytes(cols: int) -> int:
    """BM_TABLE_BYTES."""
    return (cols + 4) // 5 * 512 + 16


def attention_bytes(keys: int) -> int:
    """BM_ATTENTION_BYTES."""
    return keys * 4 + 16


def int8_attention_bytes(window: int, width: int) -> int:
    """BM_CACHED_ATTENTION_INT8_BYTES."""
    return window * 6 + width * 2 + 16


def scratch_bytes(operator: Operator, rows: int, tile: int) -> int:
    """Bytes that one call for `rows` tokens needs; ternary matrices take up to `tile` tokens in each pass."""
    if operator.kind == "BITMAR_TERNARY_FC":
        return min(rows, tile) * token_bytes(operator.options["cols"])
    if operator.kind in HEADS:
        tables = table_bytes(operator.options["cols"]) if operator.options["layout"] == LAYOUTS["c5"] else 0
        return token_bytes(operator.options["cols"]) + tables
    if operator.kind == "BITMAR_ATTENTION":
        return attention_bytes(operator.inputs[1].rows)
    if operator.kind == "BITMAR_CACHED_ATTENTION":
        return attention_bytes(operator.options["window"])
    if operator.kind == "BITMAR_CACHED_ATTENTION_INT8":
        return int8_attention_bytes(operator.options["window"], operator.options["width"])
    return 0
