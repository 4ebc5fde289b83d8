"""The report's PNGs: weights by component, RAM by kind, how much faster than the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.report.claims import OWN_LIMIT
from deploy.report.speed import ACTIONS

PLOTS = ("parameters.png", "ram.png", "speed.png")


def draw(report: dict[str, Any], folder: Path) -> None:
    """Writes PLOTS into a folder that exists."""
    from matplotlib.figure import Figure

    rows = report["configurations"]
    for name, paint in zip(PLOTS, (parameters, ram, speed), strict=True):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        paint(rows, figure.subplots())
        figure.savefig(folder / name, dpi=110, format="png")


def parameters(rows: dict[str, Any], axes: Any) -> None:
    """Stacked bars, a configuration each."""
    names, left = list(rows), [0.0] * len(rows)
    for index, component in enumerate(next(iter(rows.values()))["components"]):
        widths = [row["components"][component] / 1e6 for row in rows.values()]
        axes.barh(names, widths, left=left, label=component, color=f"C{index}")
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for index, row in enumerate(rows.values()):
        axes.text(left[index], index, f" {row['weight_bytes'] / 1e6:.2f} MB packed", va="center")
        published = row["published"]["parameters"] / 1e6
        axes.plot(
            [published] * 2, [index - 0.45, index + 0.45], color="black", label="published" if index == 0 else None
        )
    axes.set(xlabel="million ternary weights", xlim=(0, 1.25 * max(left)))
    axes.legend(fontsize=7, loc="upper right")
    axes.invert_yaxis()


def ram(rows: dict[str, Any], axes: Any) -> None:
    """Own and mapped pages, a bar a configuration and runtime."""
    for row_name, row in rows.items():
        for runtime, found in row["ram"].items():
            name = f"{row_name}, {runtime}"
            first = not axes.patches
            axes.barh(name, found["own"] / 1e6, color="C0", label="own" if first else None)
            mapped = {"left": found["own"] / 1e6, "color": "lightgrey", "label": "mapped, clean" if first else None}
            axes.barh(name, found["mapped"] / 1e6, **mapped)
    axes.axvline(OWN_LIMIT / 1e6, color="black", linestyle="--", label="published for tiny_edge")
    axes.set(xlabel="MB above Python, NumPy, Pillow and the runtime")
    axes.legend(fontsize=8)
    axes.invert_yaxis()


def speed(rows: dict[str, Any], axes: Any) -> None:
    """How many times faster than the original, a bar an action."""
    original = rows["original"]["ms"] if "original" in rows else {}
    faster = {name: row["ms"] for name, row in rows.items() if original and name != "original"}
    for index, (name, times) in enumerate(faster.items()):
        places = [place + 0.4 * index for place in range(len(ACTIONS))]
        ratios = [original[key] / times[key] for key in ACTIONS]
        axes.barh(places, ratios, height=0.38, label=name)
        for place, ratio in zip(places, ratios, strict=True):
            axes.text(ratio, place, f" {ratio:.1f}", va="center", fontsize=8)
    axes.axvspan(5, 8, color="lightgrey", zorder=0, label="published for tiny_edge")
    most = max((original[key] / times[key] for times in faster.values() for key in ACTIONS), default=8)
    axes.set(xlabel="times faster than original", xlim=(0, 1.35 * most))
    axes.set_yticks([place + 0.2 for place in range(len(ACTIONS))], list(ACTIONS.values()))
    axes.legend(fontsize=8, loc="upper right")
    axes.invert_yaxis()
