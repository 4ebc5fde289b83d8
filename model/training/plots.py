"""PNG plots of a finished run: losses and ternary weights. What it answers is drawn by `pipeline.py eval --report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from model.bitmar import BitMar
from model.data.files import replacing
from model.quantizers import ternary_codes
from model.training.log import read_log
from model.training.run_folder import RunFolder

CURVES = ("recall", "phrases", "caption", "text_query", "text")


def draw_plots(model: BitMar, folder: RunFolder) -> None:
    """Write losses.png and ternary.png into the run's plots/."""
    import matplotlib

    matplotlib.use("Agg")
    folder.plots.mkdir(parents=True, exist_ok=True)
    _losses(folder.log, folder.plots / "losses.png")
    _ternary(model, folder.plots / "ternary.png")


def _figure(width: float, height: float, axes: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, axes)


def _write(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _losses(log: Path, path: Path) -> None:
    rows = read_log(log)
    steps = np.array([int(row["step"]) for row in rows])
    figure, (left, right) = _figure(11, 4, 2)
    for name in CURVES:
        values = np.array([float(row[name]) for row in rows])
        window = max(1, len(values) // 100)
        smooth = np.convolve(values, np.ones(window) / window, "valid")
        left.plot(steps[window - 1 :], smooth, label=name.replace("_", " "))
    left.set(yscale="log", xlabel="step", ylabel="nats", title="losses")
    left.legend()
    right.plot(steps, [float(row["slot"]) for row in rows], lw=0.5, label="right slot (sets of 16, augmented)")
    right.plot(steps, [float(row["learning_rate"]) * 100 for row in rows], label="learning rate x 100")
    right.set(xlabel="step", title="retrieval and learning rate", ylim=(0, 1.02))
    right.legend()
    _write(figure, path)


def _ternary(model: BitMar, path: Path) -> None:
    names, shares = [], []
    for variable in model.variables:
        if variable.path.endswith(("/kernel", "/embeddings")):
            codes = np.asarray(ternary_codes(variable.value)[0])
            names.append(variable.path.rsplit("/", 1)[0])
            shares.append([(codes == code).mean() for code in (-1, 0, 1)])
    figure, axis = _figure(9, 0.22 * len(names) + 1)
    left = np.zeros(len(names))
    for share, label, colour in zip(
        np.array(shares).T, ("-1", "0", "+1"), ("#3366aa", "#cccccc", "#cc6633"), strict=True
    ):
        axis.barh(names, share, left=left, label=label, color=colour)
        left += share
    axis.set(xlim=(0, 1), xlabel="share of the weights", title="ternary weights")
    axis.invert_yaxis()
    axis.legend(loc="lower right")
    axis.tick_params(axis="y", labelsize=7)
    _write(figure, path)
