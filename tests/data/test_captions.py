"""Property: BabyLM's own files (captions JSON + 768-d .npy states) give a data set like the pictograms', or a named error."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data import json_list
from model.data.dataset import MOST_ASKED
from model.data.fingerprint import fingerprint
from model.data.pictograms import load_dataset
from model.data.splits import is_held_out
from model.data.states import quantise_rows
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


def load(config: BitMarConfig, folder: Path, split: str = "development"):
    return load_dataset(dataclasses.replace(config, vision="file"), folder, split)


def test_rows_and_names(files: Path, config: BitMarConfig) -> None:
    dataset = load(config, files)
    states = np.concatenate([np.load(path) for path in sorted((files / "captions").glob("*.npy"))]).astype(np.float32)
    assert [dataset.name_of(i) for i in range(60)] == TEXTS and len(dataset.concepts) == 30
    assert (np.abs(dataset.features[:] - states) <= dataset.scale[:, None] * 0.5001).all()
    train, held_out = dataset.train_drawings(), dataset.held_out_pairs()
    assert len(train) and len(held_out) and not set(train.tolist()) & set(held_out.ravel().tolist())
    secret = {c.name for c in dataset.concepts if c.held_out}
    assert not secret & {*dataset.phrases, *dataset.train_names()}
    assert all("Ein Haus" in texts for texts in dataset.writing.values())


def test_rows_on_disk_are_those_of_the_whole(files: Path, config: BitMarConfig) -> None:
    """Any rows, in any order, from both files, float16 as float64: the numbers of all rows read at once."""
    dataset = load(config, files)
    states = np.concatenate([np.load(path) for path in sorted((files / "captions").glob("*.npy"))])
    q, scale = quantise_rows(states)
    np.testing.assert_array_equal(dataset.scale, scale)
    for rows in (np.array([59, 0, 25, 24, 0]), np.array([], int), slice(20, 30), slice(None, None, 7)):
        np.testing.assert_array_equal(dataset.q[rows], q[rows])
        np.testing.assert_array_equal(dataset.features[rows], q[rows].astype(np.float32) * scale[rows][:, None])
    with pytest.raises(IndexError):
        dataset.features[np.array([60])]


def test_a_state_file_that_shrinks_under_a_run_is_an_error(files: Path, config: BitMarConfig) -> None:
    dataset = load(config, files)
    part = files / "captions/cc_dino_v2_states_2of2.npy"
    os.truncate(part, part.stat().st_size - 1)
    with pytest.raises(BitmarError, match=r"2of2\.npy: ends before row 35"):
        dataset.features[np.array([3, 59])]


def test_a_sample_is_whole_things_of_both_halves(files: Path, config: BitMarConfig) -> None:
    dataset = load(config, files, "final")
    whole = dataset.sample(60, 1)
    assert isinstance(whole.features, np.ndarray) and whole.sample(60, 1) is whole
    np.testing.assert_array_equal(whole.features, dataset.features[:])
    few = dataset.sample(31, 1)
    assert len(few.concept) == 30 and len(few.concepts) == 15 and 0 < few.held_out.sum() < 15
    for i in range(30):
        rows = [r for r in range(60) if dataset.name_of(r) == few.name_of(i)]
        assert few.features[i].tolist() in dataset.features[np.array(rows)].tolist()
    for kind in ("train_drawings", "held_out_pairs"):
        assert len(getattr(few, kind)()) < len(getattr(dataset, kind)())
    assert few.concepts == dataset.sample(31, 1).concepts != dataset.sample(31, 2).concepts


def test_pairs_of_a_caption_that_is_there_often_stay_few(files: Path, config: BitMarConfig) -> None:
    held_out = next(c.name for c in load(config, files).concepts if c.held_out)
    (files / "captions/cc_captions.json").write_text(json.dumps([held_out] * 600))
    for path, count in (("1of2", 250), ("2of2", 350)):
        np.save(files / f"captions/cc_dino_v2_states_{path}.npy", np.ones((count, 768), np.float16))
    dataset = load(config, files)
    assert dataset.held_out.all() and len(dataset.held_out_pairs()) == 600 * MOST_ASKED
    assert len(dataset.sample(500, 0).concept) == MOST_ASKED


def test_concepts_are_made_when_they_are_asked_for(files: Path, config: BitMarConfig) -> None:
    """An object for each of three million captions would take a gigabyte: what is kept are letters and a bit."""
    (files / "captions/cc_captions.json").write_text(json.dumps(["b", "a", "b\u00e9", "a"] * 15))
    dataset = load(config, files)
    assert [c.name for c in dataset.concepts] == list(dataset.names) == ["b", "a", "b\u00e9"]
    assert dataset.concept.tolist() == [0, 1, 2, 1] * 15
    assert [c.held_out for c in dataset.concepts] == [is_held_out(name, "development") for name in dataset.names]
    assert dataset.concepts[1] is not dataset.concepts[1] and dataset.concepts[1:][0].id == "1"
    with pytest.raises(IndexError):
        dataset.concepts[3]


def test_the_fingerprint_is_that_of_all_rows_and_lines(files: Path, config: BitMarConfig) -> None:
    """As before anything was read in pieces: a run that was begun then can be resumed."""
    dataset = load(config, files)
    digest = hashlib.sha256(dataset.q[:].tobytes())
    for array in (dataset.scale, dataset.concept, dataset.set_index):
        digest.update(array.tobytes())
    digest.update("\n".join(f"{c.id} {c.name} {c.held_out}" for c in dataset.concepts).encode())
    digest.update("\n".join(dataset.phrases).encode())
    for kind, texts in sorted(dataset.writing.items()):
        digest.update("\n".join((kind, *texts)).encode())
    assert fingerprint(dataset, None)["sha256"] == digest.hexdigest()
    loaded = dataclasses.replace(dataset, q=dataset.q[:], concepts=tuple(dataset.concepts))
    assert fingerprint(loaded, None) == fingerprint(dataset, None)


def test_opening_a_file_of_states_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    """150 MB of zeros, a file without blocks on the disk; as int8 they would be 77 MB."""
    with (tmp_path / "states.npy").open("wb") as file:
        rows = 100_000
        header = {"descr": "<f2", "fortran_order": False, "shape": (rows, 768)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * 768 * 2)
    program = """
import sys
from pathlib import Path
import numpy as np
from model.data.states import Pictures, StateFile, States
def most():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) * 1024
before = most()
states = States([StateFile(Path(sys.argv[1]))])
assert not Pictures(states, states.scale)[np.arange(0, len(states), 1000)].any()
print(most() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "states.npy"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 50_000_000, done


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_list_is_the_same_in_whatever_pieces_it_is_read(tmp_path: Path, monkeypatch, size: int) -> None:
    entries = ["a", {"caption": 'b ", ] [ \\ "'}, 12.5, [], [[1], {"x": "]"}], "中😀", None, ""]
    monkeypatch.setattr(json_list, "CHUNK", size)
    for indent in (None, 2):
        (tmp_path / "list.json").write_text(f" {json.dumps(entries, indent=indent)} \n")
        assert list(json_list.read_list(tmp_path / "list.json", "things")) == entries
    for text in ("[]", " [ ] "):
        (tmp_path / "list.json").write_text(text)
        assert list(json_list.read_list(tmp_path / "list.json", "things")) == []
    for text in ('["a" "b"]', '["a",]', '["a"', '["a"] 1', "[,]", "", '["a', "[1}"):
        (tmp_path / "list.json").write_text(text)
        with pytest.raises(BitmarError, match=r"list\.json: not JSON"):
            list(json_list.read_list(tmp_path / "list.json", "things"))


def test_objects_with_a_caption(files: Path, config: BitMarConfig) -> None:
    before = load(config, files)
    (files / "captions/cc_captions.json").write_text(json.dumps([{"caption": text.upper()} for text in TEXTS]))
    assert list(load(config, files).concepts) == list(before.concepts)


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
        (
            lambda f: np.save(f / "cc_dino_v2_states_2of2.npy", np.asfortranarray(np.zeros((35, 768), np.float16))),
            "2of2.npy: stored column by column",
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
