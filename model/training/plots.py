"""PNG plots of a finished run: losses, attention over the slots, ternary weights, the memory's content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.data.files import replacing
from model.data.pictograms import Dataset
from model.data.tokenizers import TextTokenizer
from model.quantizers import ternary_codes
from model.training.log import read_log
from model.training.run_folder import RunFolder

SLOTS = 16
CURVES = ("contrastive", "recall", "phrases", "caption", "text_query")
SEED = 7


def draw_plots(model: BitMar, dataset: Dataset, tokenizer: TextTokenizer, folder: RunFolder) -> None:
    """Write losses.png, attention.png, ternary.png and memory.png into the run's plots/."""
    import matplotlib

    matplotlib.use("Agg")
    folder.plots.mkdir(parents=True, exist_ok=True)
    _losses(folder.log, folder.plots / "losses.png")
    _ternary(model, folder.plots / "ternary.png")
    _memory(model, dataset, tokenizer, folder.plots)


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


def _memory(model: BitMar, dataset: Dataset, tokenizer: TextTokenizer, folder: Path) -> None:
    """A memory of held-out things: who answers when each is asked for with another drawing, and what the slots hold."""
    from model.evaluation.ask import encode_texts

    pairs = dataset.held_out_pairs()
    if not len(pairs):
        pairs = np.stack([dataset.train_drawings()] * 2, 1)
    rng = np.random.default_rng(SEED)
    pairs = pairs[rng.permutation(len(pairs))]
    _, first = np.unique(dataset.concept[pairs[:, 0]], return_index=True)
    pairs = pairs[np.sort(first)[:SLOTS]]
    names = [dataset.name_of(int(drawing)) for drawing in pairs[:, 0]]
    ids, mask = encode_texts(tokenizer, names, model.config.max_seq_len)
    taught = model.encode(ids, mask, dataset.features[pairs[:, 0]])
    query, _ = model.keys(dataset.features[pairs[:, 1]], tf.zeros_like(taught["episode"]))
    scores = model.memory.scores(query[None], taught["key"][None])[0].numpy()
    weights = np.exp((scores - scores.max(1, keepdims=True)) / model.config.memory_temperature)
    weights /= weights.sum(1, keepdims=True)

    figure, axis = _figure(8, 7)
    image = axis.imshow(weights, vmin=0, vmax=1, cmap="viridis")
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set(
        xlabel="slot, as taught",
        ylabel="asked for with another drawing",
        title="attention over the slots (never trained on)",
    )
    figure.colorbar(image)
    _write(figure, folder / "attention.png")

    figure, axis = _figure(10, 0.3 * len(names) + 1.5)
    slots = taught["episode"].numpy()
    largest = float(np.abs(slots).max())
    image = axis.imshow(slots, aspect="auto", cmap="RdBu", vmin=-largest, vmax=largest)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set(xlabel="number in the slot", title="memory: what the slots hold")
    figure.colorbar(image)
    _write(figure, folder / "memory.png")
