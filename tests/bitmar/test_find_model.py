"""Property: every command and `Device` take the same model where none is named, and a shipped one by its name."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from bitmar import find_model as places
from bitmar.errors import BitmarError
from bitmar.find_model import find_model
from tests.bitmar.runtimes import ROOT


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    return folder


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BITMAR_MODEL", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "bundle" / "venv"))
    monkeypatch.setattr(places, "SHIPPED", (tmp_path / "checkout", tmp_path / "package"))


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BitmarError, match=r"no converted model in .*bundle/model, runs/ultra_tiny/model, .*ultra_tiny"):
        find_model()
    shipped = make(tmp_path / "package" / "ultra_tiny")
    assert find_model() == shipped
    shipped = make(tmp_path / "checkout" / "ultra_tiny")
    assert find_model() == shipped, "the checkout's own first"
    run = make(tmp_path / "runs" / "ultra_tiny" / "model")
    assert find_model().resolve() == run
    bundle = make(tmp_path / "bundle" / "model")
    assert find_model() == bundle
    monkeypatch.setenv("BITMAR_MODEL", "ultra_tiny")
    assert find_model() == shipped
    monkeypatch.setenv("BITMAR_MODEL", str(run))
    assert find_model() == run
    assert find_model(bundle) == bundle, "what is named goes before everything"


def test_every_command_means_the_same_run() -> None:
    """What `train` writes unless told otherwise is what `eval` and `convert` read, and the device runs its model."""
    from model.config import load_config
    from model.default_run import DEFAULT_RUN
    from model.training import train_command

    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    config = load_config(ROOT / parser.parse_args([]).config)
    assert Path("runs") / config.name.removeprefix("bitmar_") == DEFAULT_RUN == places.DEFAULT_RUN


def test_names(tmp_path: Path) -> None:
    shipped = make(tmp_path / "checkout" / "tiny_edge")
    assert find_model("tiny_edge") == shipped
    own = make(tmp_path / "tiny_edge")
    assert find_model("tiny_edge").resolve() == own, "a folder of that name goes before"
    with pytest.raises(BitmarError, match=r"model tinyedge: no model\.json there, expected .*convert` or tiny_edge"):
        find_model("tinyedge")
    for name in ("x" * 300, "a\0b", "x/" * 3000):
        with pytest.raises(BitmarError, match=r"no model\.json there"):
            find_model(name)
