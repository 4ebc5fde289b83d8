"""A report to look at: what was taught, asked and answered; scores of known and unknown things; names by length and kind."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from model.data.files import replacing
from model.evaluation.metrics import Details

ROWS, COLUMNS = 8, 3
RIGHT, WRONG = "#2a7a3a", "#b03030"
KNOWN, UNKNOWN = "#3366aa", "#cc6633"


def draw_report(report: dict[str, Any], details: Details, data_dir: Path, folder: Path) -> list[Path]:
    """Write contact_sheet.png, unknown.png, names.png and slots.png into `folder`; their paths."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "contact_sheet.png": contact_sheet(details, data_dir),
        "unknown.png": histograms(report, details),
        "names.png": names(report, details),
        "slots.png": slots(report),
    }
    for name, figure in drawn.items():
        with replacing(folder / name) as temporary:
            figure.savefig(temporary, dpi=110, format="png")
    return [folder / name for name in drawn]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def contact_sheet(details: Details, data_dir: Path) -> Any:
    """The first questions, and every wrong answer that has room: taught | asked, the name that was taught, the answer."""
    wrong = [row for row in details.sheet if not row[4]]
    right = [row for row in details.sheet if row[4]]
    rows = [*right[: ROWS * COLUMNS // 2], *wrong[: ROWS * COLUMNS // 2]][: ROWS * COLUMNS]
    figure = _figure(11, 13)
    figure.suptitle(
        "things never trained on, 16 taught: taught | asked with another artist's drawing; half of them errors"
    )
    axes = figure.subplots(ROWS, 2 * COLUMNS)
    for axis in axes.flat:
        axis.axis("off")
    for i, (taught, asked, name, answer, found) in enumerate(rows):
        row, column = i // COLUMNS, 2 * (i % COLUMNS)
        for axis, reference in zip(axes[row, column : column + 2], (taught, asked), strict=True):
            axis.imshow(_picture(data_dir, reference))
        axes[row, column].set_title(fill(name, 24), fontsize=8)
        axes[row, column + 1].set_title(fill(answer, 24), fontsize=8, color=RIGHT if found else WRONG)
    return figure


def _picture(data_dir: Path, reference: str) -> np.ndarray:
    from PIL import Image

    path = data_dir / "pictures" / f"{reference}.png"
    if not path.exists():  # `vision: file` has no pictures
        return np.full((8, 8, 3), 230, np.uint8)
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))


def histograms(report: dict[str, Any], details: Details) -> Any:
    """The criterion's values of known and unknown things, with both thresholds."""
    figure = _figure(11, 4)
    axes = np.atleast_1d(figure.subplots(1, max(1, len(details.scores))))
    for axis, (kind, (known, unknown)) in zip(axes, details.scores.items(), strict=False):
        bins = np.linspace(*np.quantile(np.concatenate([known, unknown]), (0.001, 0.999)), 60)
        axis.hist(known, bins, alpha=0.6, color=KNOWN, label="taught things")
        axis.hist(unknown, bins, alpha=0.6, color=UNKNOWN, label="things that were not taught")
        axis.axvline(details.perhaps, color="black", ls="--", lw=1, label="perhaps")
        axis.axvline(details.known, color="black", lw=1, label="known")
        row = report["unknown"][kind]
        title = (
            f"{kind.replace('_', ' ')}, 16 taught: {row['named']:.0%} named, {row['false_naming']:.0%} named falsely"
        )
        axis.set(title=title, xlabel="criterion", ylabel="questions")
        axis.legend(fontsize=8)
    return figure


def names(report: dict[str, Any], details: Details) -> Any:
    """Decoded exactly, by the name's number of tokens and by its kind."""
    figure = _figure(11, 4.5)
    left, right = figure.subplots(1, 2)
    lengths = sorted(details.by_length)
    shares = [details.by_length[n]["decoded"] for n in lengths]
    counts = [details.by_length[n]["n"] for n in lengths]
    left.bar(lengths, shares, color=KNOWN)
    for n, share, count in zip(lengths, shares, counts, strict=True):
        left.text(n, share + 0.01, str(count), ha="center", fontsize=6)
    left.set(xlabel="tokens of the name (above: names)", ylabel="decoded exactly", ylim=(0, 1.08), title="by length")
    kinds = [kind for kind in report["any_name"] if kind != "all"]
    places = np.arange(len(kinds))
    right.barh(places, [report["any_name"][k]["decoded"] for k in kinds], color=KNOWN, label="after reading back")
    right.barh(places, [report["any_name"][k]["first"] for k in kinds], color="#99bbdd", label="at the first try")
    right.set_yticks(places, kinds)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel="decoded exactly", title="by kind")
    right.legend(loc="lower left", fontsize=8)
    return figure


def slots(report: dict[str, Any]) -> Any:
    """Slot found against the number of things in the memory; the 8- and 16-way rows with intervals and baselines."""
    figure = _figure(11, 4.5)
    left, right = figure.subplots(1, 2)
    many = {int(k): row for k, row in report["many"].items() if row["slot"] is not None}
    sizes = list(many)
    left.plot(sizes, [row["slot"] for row in many.values()], marker="o", color=KNOWN)
    left.fill_between(sizes, [r["low"] for r in many.values()], [r["high"] for r in many.values()], alpha=0.2)
    left.set(
        xscale="log", xlabel="things in the memory", ylabel="slot found", ylim=(0, 1.02), title="one drawing taught"
    )
    left.set_xticks(sizes, [str(size) for size in sizes])
    rows = [
        (f"{ways}-way, {kind.replace('_', ' ')}", row)
        for ways, kinds in report["ways"].items()
        for kind, row in kinds.items()
    ]
    places = np.arange(len(rows))
    shares = np.array([row["slot"] for _, row in rows])
    spread = np.array([[row["slot"] - row["low"], row["high"] - row["slot"]] for _, row in rows]).T
    right.errorbar(shares, places, xerr=spread, fmt="o", color=KNOWN, label="slot found")
    right.plot([row["lda"] for _, row in rows], places, "x", color=UNKNOWN, label="closed-form discriminant")
    right.plot([row["nearest"] for _, row in rows], places, "+", color="gray", label="nearest in 768 numbers")
    right.set_yticks(places, [label for label, _ in rows], fontsize=8)
    right.invert_yaxis()
    right.set(xlabel="share of questions", title="beside the baselines")
    right.legend(fontsize=8)
    return figure
