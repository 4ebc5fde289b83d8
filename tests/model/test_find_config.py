"""A configuration is named by its file, or by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.config import load_config
from model.find_config import CONFIGS, config_file


@pytest.mark.parametrize("name", ["ultra_tiny", "tiny_edge", "original"])
def test_every_configuration_has_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(config_file(name)).name == f"bitmar_{name}"


def test_a_file_of_that_name_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_edge").write_bytes((CONFIGS / "bitmar_ultra_tiny.yaml").read_bytes())
    assert load_config(config_file("tiny_edge")).name == "bitmar_ultra_tiny"


@pytest.mark.parametrize("name", ["tinyedge", "configs/none.yaml", "../bitmar_tiny_edge", "x" * 300, ""])
def test_what_is_neither_stays_what_was_typed(name: str) -> None:
    assert config_file(name) == Path(name)
