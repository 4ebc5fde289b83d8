"""The size report of a converted model: every ternary matrix with its layout, bits a weight, bytes and zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convert.reader import TernaryMatrix, constant, ternary_matrices


def matrix_row(file: str, matrix: TernaryMatrix) -> dict[str, Any]:
    """One line of the report; bits_per_weight counts packed bytes only, bytes also the scales."""
    weights = matrix.rows * matrix.cols
    return {
        "file": file,
        "name": matrix.name,
        "shape": [matrix.rows, matrix.cols],
        "layout": matrix.layout,
        "weights": weights,
        "bits_per_weight": round(8 * matrix.packed.size / weights, 4),
        "bytes": matrix.packed.size + matrix.gamma.nbytes,
        "zeros_percent": round(100 * float(np.mean(matrix.codes == 0)), 2),
    }


def other_constants(model: schema.ModelT) -> int:
    """Bytes of the constants that are no ternary matrix and no scale: norm gains, shapes, positions."""
    matrices = sum(m.packed.size + m.gamma.nbytes for m in ternary_matrices(model))
    buffers = {t.buffer: i for i, t in enumerate(model.subgraphs[0].tensors) if t.buffer}
    return sum(constant(model, tensor).size for tensor in buffers.values()) - matrices


def size_report(name: str, models: dict[str, schema.ModelT], file_bytes: dict[str, int]) -> dict[str, Any]:
    """The report as JSON-able values.

    Args: models: parsed flatbuffers by file name; file_bytes: size of every file of the folder.
    Returns: tensors (see `matrix_row`), totals: weights, bits_per_weight, weight_and_scale_bytes, other_constant_bytes,
        zeros_percent, flatbuffer_bytes (the three graphs); files: bytes by name.
    """
    rows = [matrix_row(file, matrix) for file, model in models.items() for matrix in ternary_matrices(model)]
    weights = sum(row["weights"] for row in rows)
    packed = sum(row["bits_per_weight"] * row["weights"] for row in rows)
    zeros = sum(row["zeros_percent"] * row["weights"] for row in rows)
    totals = {
        "weights": weights,
        "bits_per_weight": round(packed / weights, 4),
        "weight_and_scale_bytes": sum(row["bytes"] for row in rows),
        "other_constant_bytes": sum(other_constants(model) for model in models.values()),
        "zeros_percent": round(zeros / weights, 2),
        "flatbuffer_bytes": sum(file_bytes[file] for file in models),
    }
    return {"name": name, "tensors": rows, "totals": totals, "files": file_bytes}


def table(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    head = ("tensor", "shape", "layout", "bits/weight", "bytes", "zeros")
    lines, file = [], None
    for row in report["tensors"]:
        if row["file"] != file:
            file = row["file"]
            lines.append((file, "", "", "", f"{report['files'][file]:,}", ""))
        shape = "{} x {}".format(*row["shape"])
        bits, zeros = f"{row['bits_per_weight']:.3f}", f"{row['zeros_percent']:.1f} %"
        lines.append((f"  {row['name']}", shape, row["layout"], bits, f"{row['bytes']:,}", zeros))
    t = report["totals"]
    bits, zeros = f"{t['bits_per_weight']:.3f}", f"{t['zeros_percent']:.1f} %"
    lines.append((f"all {t['weights']:,} weights", "", "", bits, f"{t['weight_and_scale_bytes']:,}", zeros))
    lines.append(("norm gains and other constants", "", "", "", f"{t['other_constant_bytes']:,}", ""))
    lines += [
        (name, "", "", "", f"{size:,}", "")
        for name, size in report["files"].items()
        if name not in {row["file"] for row in report["tensors"]}
    ]
    widths = [max(len(row[i]) for row in (head, *lines)) for i in range(len(head))]
    aligned = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *lines)
    ]
    return "\n".join(line.rstrip() for line in aligned)
