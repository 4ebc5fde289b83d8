"""Property: the shipped model is what the converter makes of the weights that lie beside it."""

from __future__ import annotations

import json

from tests.convert.conftest import SHIPPED, Converted

MADE = ("encoder.tflite", "recall.tflite", "decoder.tflite", "tokenizer.bin")


def test_shipped_files_are_made_by_this_converter(trained: Converted) -> None:
    """A converter that writes other files must ship them too: `tools/ship_model.py --run models/ultra_tiny`."""
    for name in MADE:
        assert (trained.folder / name).read_bytes() == (SHIPPED / name).read_bytes(), name


def test_the_card_still_belongs_to_it(trained: Converted) -> None:
    """Cards carry the model's hash: another hash would make every card another model's."""
    hashes = [json.loads((folder / "model.json").read_text())["model_hash"] for folder in (trained.folder, SHIPPED)]
    assert hashes[0] == hashes[1]


def test_the_card_of_the_model_says_where_its_figures_are_from() -> None:
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    metrics = json.loads((SHIPPED / "metrics.json").read_text(encoding="utf-8"))
    row = metrics["ways"]["16"]["held_out_family"]
    assert f"{row['slot']:.3f}" in card and f"{row['exact']:.3f}" in card
    for heading in ("## Data", "## Metrics", "## Limits", "## Licence"):
        assert heading in card
