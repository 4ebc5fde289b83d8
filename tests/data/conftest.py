"""Fixtures: a data folder built by the real steps from small packages drawn here, and the downloaded data if it is there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from model.config import BitMarConfig, load_config
from model.data.build import Builder
from tests.data.packages import STYLES, write_packages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def config() -> BitMarConfig:
    """ultra_tiny with a vocabulary that the small text can fill."""
    return dataclasses.replace(load_config(ROOT / "configs/bitmar_ultra_tiny.yaml"), vocab_size=300)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """A finished small data folder (`small.data_dir`)."""
    folder = tmp_path_factory.mktemp("small")
    builder = Builder(folder / "data", list(STYLES), write_packages(folder / "packages"))
    builder.build()
    return builder


@pytest.fixture(scope="session")
def real() -> Path:
    """data/ as `pipeline.py data` makes it; the test is skipped where it has not been run."""
    folder = ROOT / "data"
    if not (folder / "NOTICE").exists():
        pytest.skip("data/ is not there: run `pipeline.py data`")
    return folder
