"""Property: docs/report.md says what report.json says, nothing else; what was not trained is marked; bad input is one line."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import pipeline
from deploy.report.board import board_ratios
from deploy.report.claims import claims, verdict
from deploy.report.configurations import FRESH, PUBLISHED, Standing, standing
from deploy.report.measure import COMPONENTS, head_rows, measure
from deploy.report.page import MISSING, page
from deploy.report.plots import PLOTS, draw
from deploy.report_command import PAGE, RESULT, ROOT

OWN_RAM = 4_500_000  # bytes: ultra_tiny takes 3.4e6; 7.1e6 while a compiled schema checked model.json
VERDICTS = {"reached", "beaten", "not reached"}


@pytest.fixture
def recorded() -> dict[str, Any]:
    return json.loads(RESULT.read_text(encoding="utf-8"))


def test_the_page_is_what_the_json_says(recorded: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(recorded)
    assert recorded["claims"] == claims(recorded["configurations"])
    assert all((PAGE.with_suffix("") / name).stat().st_size for name in PLOTS)


def test_what_is_recorded(recorded: dict[str, Any]) -> None:
    """Every configuration, its parts, and what does not depend on training."""
    assert list(recorded["configurations"]) == list(PUBLISHED)
    for row in recorded["configurations"].values():
        assert sum(row["components"].values()) == row["parameters"]
        assert row["memory_bytes"] == row["published"]["memory_bytes"]
        assert 1.6 <= row["bits_per_weight"] < 1.7
        assert all(ram["own"] > 0 and ram["peak"] >= ram["own"] for ram in row["ram"].values())
        assert all(value > 0 for value in row["ms"].values())
    edge = recorded["configurations"]["tiny_edge"]
    assert edge["flatbuffer_bytes"] <= 3_000_000
    assert all(ram["own"] <= 5_000_000 for ram in edge["ram"].values())
    assert {row["verdict"] for row in recorded["claims"]} <= VERDICTS
    assert all(found >= 5 for found in board_ratios(recorded["configurations"]).values())


def test_rows_that_a_head_multiplies() -> None:
    assert head_rows({"vocab_size": 100}) == 100
    classes = {"vocab_size": 100, "decoder_shortlist": 20, "decoder_class_words": 30}
    assert head_rows(classes) == 20 + 30 + 3
    assert head_rows(classes | {"decoder_class_words": 200}) == 100 + 1, "one class, of 80 words"


def test_the_shipped_model_measured_now(tmp_path: Path) -> None:
    said: list[str] = []
    report = measure([standing("ultra_tiny", ROOT / "models", [])], board=False, progress=said.append)
    row = report["configurations"]["ultra_tiny"]
    assert row["weights"] == "shipped" and row["evaluation"]["steps"] > 0 and len(said) == 1 + len(row["ram"])
    assert set(row["components"]) == set(COMPONENTS) and row["ram"]
    assert all(ram["own"] < OWN_RAM for ram in row["ram"].values()), row["ram"]
    assert report["claims"] == [] and "of it the arena | -" in page(report)
    draw(report, tmp_path)
    assert all((tmp_path / name).stat().st_size for name in PLOTS)


def test_a_model_that_is_not_there_is_marked(recorded: dict[str, Any], tmp_path: Path) -> None:
    found = standing("tiny_edge", tmp_path, [])
    assert found.weights == FRESH and found.metrics is None
    row = copy.deepcopy(recorded["configurations"]["ultra_tiny"]) | {
        "weights": FRESH,
        "evaluation": None,
        "board": None,
    }
    text = page({**recorded, "configurations": {"ultra_tiny": row}})
    assert f"| weights | {FRESH} |" in text
    answers = [line for line in text[text.index("## What it answers") :].splitlines() if line.startswith("| ")][1:]
    assert answers and all(line.endswith(f"| {MISSING} |") for line in answers)


@pytest.mark.parametrize("content", ["{", "[]", '{"steps": 1}', '{"name": 3}'])
def test_a_broken_metrics_file_is_one_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "models" / "ultra_tiny", tmp_path / "ultra_tiny")
    (tmp_path / "ultra_tiny" / "metrics.json").write_text(content)
    written = [tmp_path / "report.md", tmp_path / "report.json"]
    words = ["report", "--models", tmp_path, "--page", written[0], "--out", written[1]]
    assert pipeline.main(list(map(str, words))) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'ultra_tiny' / 'metrics.json'}: ") and "expected" in line
    assert not any(path.exists() for path in written)


def test_a_model_without_vocabulary_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without data/ a configuration is converted without one: nothing can be taught to it, so nothing measured."""
    monkeypatch.setattr("deploy.report.configurations.standing", lambda name, *_: Standing(name, tmp_path, FRESH, None))
    written = [tmp_path / "report.md", tmp_path / "report.json"]
    assert pipeline.main(["report", "--page", str(written[0]), "--out", str(written[1])]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path}: no tokenizer.bin") and "pipeline.py data" in line
    assert not any(path.exists() for path in written)


@pytest.mark.parametrize(
    ("measured", "published", "more", "judged"),
    [
        (4.0, 5.0, False, "beaten"),
        (4.95, 5.0, False, "reached"),
        (5.2, 5.0, False, "not reached"),
        (0.59, 0.64, True, "not reached"),
        (13e6, 4e6, True, "beaten"),
    ],
)
def test_verdicts(measured: float, published: float, more: bool, judged: str) -> None:
    assert verdict(measured, published, more_is_better=more) == judged
