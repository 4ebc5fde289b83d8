"""Property: nothing of a held-out concept or of a test style reaches training: no drawing, no name, no statistic, no merge."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from model.config import BitMarConfig, load_config
from model.data.build import Builder
from model.data.dataset import Dataset
from model.data.families import family_of
from model.data.names import normalise
from model.data.pictograms import load_dataset, load_tokenizer
from model.data.splits import SALTS, is_held_out
from tests.data.conftest import ROOT
from tests.data.packages import HELD_OUT, STYLES, write_packages


def check_no_leak(dataset: Dataset) -> None:
    """Everything that must hold of what training is given; written with plain loops over the public fields."""
    secret = {concept.name for concept in dataset.concepts if concept.held_out}
    assert secret and len(secret) < len(dataset.concepts)
    train = set(dataset.train_drawings().tolist())
    assert train
    for drawing in train:
        assert not is_held_out(dataset.concepts[dataset.concept[drawing]].family, dataset.split)
        assert dataset.sets[dataset.set_index[drawing]] not in ("noto", "openmoji")
    assert {int(i) for group in dataset.train_drawings_by_concept().values() for i in group} <= train
    assert not secret & set(dataset.train_names())
    assert not secret & set(dataset.phrases)
    assert not any(secret & set(map(normalise, texts)) for texts in dataset.writing.values())
    families = [{c.family for c in dataset.concepts if c.held_out == held_out} for held_out in (True, False)]
    assert not families[0] & families[1]
    for concept in dataset.concepts:
        if not concept.held_out:
            assert not secret & {*concept.tags, concept.gloss}
    held_out, known, hard = dataset.held_out_pairs(), dataset.known_pairs(), dataset.hard_style_pairs()
    assert len(held_out) and len(known) and len(hard)
    for pairs in (held_out, hard):
        assert not train & set(pairs.ravel().tolist())
    assert set(known[:, 0].tolist()) <= train and not train & set(known[:, 1].tolist())
    for taught, asked in [*held_out, *known, *hard]:
        assert dataset.concept[taught] == dataset.concept[asked]
        assert dataset.artists[dataset.set_index[taught]] != dataset.artists[dataset.set_index[asked]]
    # no two drawings of the whole data are the same picture, so none is trained on under another name
    rows = np.unique(np.column_stack([dataset.q, dataset.scale.view(np.int32)[:, None]]), axis=0)
    assert len(rows) == len(dataset.q)


@pytest.mark.parametrize("split", SALTS)
def test_small_data(small: Builder, config: BitMarConfig, split: str) -> None:
    dataset = load_dataset(config, small.data_dir, split)
    secret = {concept.name for concept in dataset.concepts if concept.held_out}
    raw = set((small.data_dir / "phrases.txt").read_text().splitlines())
    table = json.loads((small.data_dir / "pictograms.json").read_text())["concepts"]
    trained = [c for c in table if not is_held_out(family_of(c["name"]), split)]
    assert secret <= raw, "the fixture must offer held-out names as phrases"
    assert any(secret & set(c["tags"]) for c in trained), "and as tags of training concepts"
    assert any(c["gloss"] in secret for c in trained), "and as their glosses"
    check_no_leak(dataset)


@pytest.mark.parametrize("split", SALTS)
@pytest.mark.parametrize("vision", ["lite0_128", "thumb16"])
def test_real_data(real: Path, split: str, vision: str) -> None:
    config = load_config(ROOT / "configs/bitmar_ultra_tiny.yaml")
    check_no_leak(load_dataset(dataclasses.replace(config, vision=vision), real, split))


def test_vision_does_not_see_test_drawings(small: Builder, tmp_path: Path) -> None:
    """Other pictures for held-out concepts and test styles: the same vision.tflite, the same training features."""
    packages = write_packages(tmp_path / "packages", marked=HELD_OUT, marked_sets=("noto", "openmoji"))
    other = Builder(tmp_path / "data", list(STYLES), packages)
    other.build()
    vision = "vision.tflite"
    assert (other.data_dir / vision).read_bytes() == (small.data_dir / vision).read_bytes()
    for name in STYLES:
        a, b = (np.load(builder.data_dir / "features" / f"lite0_128-{name}.npz") for builder in (small, other))
        assert a["ids"].tolist() == b["ids"].tolist()
        same = (a["q"] == b["q"]).all(1)
        secret = np.array([code in HELD_OUT or name in ("noto", "openmoji") for code in a["ids"]])
        assert same[~secret].all() and not same[secret].any()


def test_vision_statistics_are_of_training_drawings(small: Builder) -> None:
    pictures = small.statistics_drawings()
    assert pictures
    assert not {path.stem for path in pictures} & HELD_OUT
    assert {path.parent.name for path in pictures} == {"twemoji", "emojione"}


def test_merges_do_not_see_held_out_names(small: Builder, config: BitMarConfig, tmp_path: Path) -> None:
    dataset = load_dataset(config, small.data_dir, "development")
    renamed = dataclasses.replace(
        dataset,
        concepts=tuple(dataclasses.replace(c, name="zzyzx") if c.held_out else c for c in dataset.concepts),
    )
    a = load_tokenizer(config, dataset, tmp_path / "a").tokenizer.to_str()
    assert a == load_tokenizer(config, renamed, tmp_path / "b").tokenizer.to_str()
    trained = dataclasses.replace(
        dataset,
        concepts=tuple(c if c.held_out else dataclasses.replace(c, name="zzyzx") for c in dataset.concepts),
    )
    assert a != load_tokenizer(config, trained, tmp_path / "c").tokenizer.to_str()
