"""`--dry-run`: parameters and packed bytes of each component, beside the published estimates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from model.bitmar import BitMar

PUBLISHED = {  # parameters in millions, as published for these configurations
    "bitmar_original": "about 35 M",
    "bitmar_tiny_edge": "12.5 M (the two 50,257 x 128 tables alone are 12.9 M; about 14.5 M)",
    "bitmar_ultra_tiny": "about 2 M",
}
B3_BITS = 1.6
TERNARY = ("kernel", "embeddings")


def component_rows(model: BitMar) -> list[dict[str, Any]]:
    """One row for each component: name, ternary weights, float32 numbers (gains and gammas), packed bytes in b3."""
    rows = []
    for part in model.parts():
        pieces = _split(part)
        for name, variables in pieces.items():
            ternary = [v for v in variables if v.path.rsplit("/", 1)[1] in TERNARY]
            weights = sum(int(np.prod(v.shape)) for v in ternary)
            floats = sum(int(np.prod(v.shape)) for v in variables) - weights + len(ternary)
            rows.append(
                {
                    "component": name,
                    "ternary": weights,
                    "float32": floats,
                    "bytes": round(weights * B3_BITS / 8) + 4 * floats,
                }
            )
    return rows


def totals(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Sums over the components."""
    return {key: sum(row[key] for row in rows) for key in ("ternary", "float32", "bytes")}


def _split(part: keras.layers.Layer) -> dict[str, list[keras.Variable]]:
    """A component's variables, its token embedding table apart."""
    table = [v for v in part.variables if "/embedding/" in f"/{v.path}"]
    rest = [v for v in part.variables if not any(v is t for t in table)]
    return ({f"{part.name}: token table": table} if table else {}) | {part.name: rest}


def parameter_table(model: BitMar) -> str:
    """The table as text."""
    rows = component_rows(model)
    lines = [f"{'component':<22}{'ternary weights':>16}{'float32':>10}{'b3 bytes':>12}"]
    for row in [*rows, {"component": "total", **totals(rows)}]:
        lines.append(f"{row['component']:<22}{row['ternary']:>16,}{row['float32']:>10,}{row['bytes']:>12,}")
    c = model.config
    published = PUBLISHED.get(c.name, "none")
    lines += [
        f"parameters: {model.count_params():,}; published estimate: {published}",
        f"memory: {c.memory_slots} slots x {c.episode_dim} x {c.slot_dtype} = {c.memory_bytes:,} B on the card, "
        f"{c.max_memory_slots_in_ram} slots in RAM",
    ]
    return "\n".join(lines)
