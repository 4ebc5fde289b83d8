"""Property: BabyLM's own files (captions JSON + 768-d .npy states) give a data set like the pictograms', or a named error."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data.pictograms import load_dataset
from model.data.writing.mix import KINDS
from tests.data.test_arrays import npy_header

TEXTS = [f"a photo of thing {i // 2}" for i in range(60)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """60 captions, two states each, the states in two parts."""
    folder = tmp_path / "captions"
    folder.mkdir()
    (folder / "cc_captions.json").write_text(json.dumps(TEXTS))
    states = np.random.default_rng(0).normal(size=(60, 768)).astype(np.float16)
    np.save(folder / "cc_dino_v2_states_1of2.npy", states[:25])
    np.save(folder / "cc_dino_v2_states_2of2.npy", states[25:])
    (tmp_path / "phrases.txt").write_text("apple tree\n" + TEXTS[0] + "\n")
    (tmp_path / "writing.json").write_text(json.dumps({kind: ["Ein Haus", TEXTS[0].upper()] for kind in KINDS}))
    return tmp_path


def load(config: BitMarConfig, folder: Path):
    return load_dataset(dataclasses.replace(config, vision="file"), folder, "development")


def test_rows_and_names(files: Path, config: BitMarConfig) -> None:
    dataset = load(config, files)
    states = np.concatenate([np.load(path) for path in sorted((files / "captions").glob("*.npy"))]).astype(np.float32)
    assert [dataset.name_of(i) for i in range(60)] == TEXTS and len(dataset.concepts) == 30
    assert (np.abs(dataset.features - states) <= dataset.scale[:, None] * 0.5001).all()
    train, held_out = dataset.train_drawings(), dataset.held_out_pairs()
    assert len(train) and len(held_out) and not set(train.tolist()) & set(held_out.ravel().tolist())
    secret = {c.name for c in dataset.concepts if c.held_out}
    assert not secret & {*dataset.phrases, *dataset.train_names()}
    assert all("Ein Haus" in texts for texts in dataset.writing.values())


def test_objects_with_a_caption(files: Path, config: BitMarConfig) -> None:
    before = load(config, files)
    (files / "captions/cc_captions.json").write_text(json.dumps([{"caption": text.upper()} for text in TEXTS]))
    assert load(config, files).concepts == before.concepts


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda f: (f / "cc_captions.json").write_text(json.dumps(TEXTS[:-1])), "59 captions, but 60 states"),
        (lambda f: (f / "cc_captions.json").write_text('{"a": 1}'), "expected a JSON list"),
        (lambda f: (f / "cc_captions.json").write_text("[1"), "not JSON"),
        (lambda f: (f / "cc_captions.json").unlink(), "no NAME_captions.json"),
        (
            lambda f: np.save(f / "cc_dino_v2_states_2of2.npy", np.zeros((35, 512), np.float32)),
            r"expected real numbers \[N, 768\]",
        ),
        (lambda f: (f / "cc_captions.json").write_text("17"), "expected a JSON list"),
        (lambda f: (f / "cc_captions.json").write_text("[]"), "expected a JSON list"),
        (lambda f: (f / "cc_captions.json").write_text("[" * 100_000), "not JSON"),
        (lambda f: (f / "cc_captions.json").write_bytes(b"\xff"), "not JSON"),
        (lambda f: (f / "cc_captions.json").write_text('["a", null]'), "entry 1 is None, expected a caption"),
        (lambda f: (f / "cc_captions.json").write_text('[{"caption": ["a"]}]'), "entry 0 is {'caption'"),
        (lambda f: (f / "cc_captions.json").write_text('["a", " "]'), "entry 1 is ' ', expected a caption"),
        (lambda f: (f / "cc_captions.json").write_text('["\\ud800"]'), "entry 0 is '.ud800', expected a caption"),
        (lambda f: (f / "cc_dino_v2_states_2of2.npy").write_bytes(b"x"), "broken .*expected an .npy file"),
        (
            lambda f: (f / "cc_dino_v2_states_2of2.npy").write_bytes(npy_header((10**12, 768))),
            "broken .*expected an .npy file",
        ),
        (lambda f: np.savez((f / "cc_dino_v2_states_2of2.npy").open("wb"), np.zeros((35, 768))), "broken"),
        (lambda f: np.save(f / "cc_dino_v2_states_2of2.npy", np.full((35, 768), 1e300)), "not finite"),
        (lambda f: np.save(f / "cc_dino_v2_states_2of2.npy", np.full((35, 768), np.inf, np.float32)), "not finite"),
    ],
)
def test_bad_files(files: Path, config: BitMarConfig, damage, message: str) -> None:
    damage(files / "captions")
    with pytest.raises(BitmarError, match=message) as error:
        load(config, files)
    assert "\n" not in str(error.value)
