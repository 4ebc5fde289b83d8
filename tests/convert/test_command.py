"""Property: bad input ends with one line and exit code 2; nothing is half-written, a model is only replaced by a whole one."""

import json
import os
import shutil

import numpy as np
import pytest

import pipeline
from bitmar.errors import BitmarError
from convert import model_folder
from tests.convert.conftest import CONFIGS, build

ULTRA = str(CONFIGS / "bitmar_ultra_tiny.yaml")


def fails(capsys, *arguments: str) -> str:
    """The one line that the command prints."""
    assert pipeline.main(["convert", *arguments]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    return error[0]


def test_the_default_is_the_default_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "runs/ultra_tiny: No such file" in fails(capsys) and not list(tmp_path.iterdir())


def test_options_that_do_not_go_together(capsys, tmp_path):
    assert "expected --config C and no --run" in fails(capsys, "--untrained", "--out", str(tmp_path / "x"))
    assert "expected --out DIR" in fails(capsys, "--untrained", "--config", ULTRA)
    assert "expected --run R" in fails(capsys, "--config", ULTRA)
    assert "without a converted model" in fails(capsys, "--stock", "int2")
    assert "without a converted model" in fails(
        capsys, "--stock", "int2", "--out", str(CONFIGS.parent / "models/ultra_tiny")
    )


def test_missing_run(capsys, tmp_path):
    message = fails(capsys, "--run", str(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in message and "pipeline.py train" in message


@pytest.mark.parametrize("out", ["/proc/x/model", "/dev/null/model", "x" * 300 + "/model"])
def test_where_it_writes_is_looked_at_first(capsys, tmp_path, out):
    message = fails(capsys, "--run", str(tmp_path), "--out", out)
    assert (
        message.startswith(f"error: {out.removesuffix('/model')}: ")
        and "expected a folder that can be written" in message
    )


def test_empty_run(capsys, tmp_path):
    assert str(tmp_path) in fails(capsys, "--run", str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def finished_run(tmp_path, ultra_tiny, tokenizer_json):
    """A run folder as training leaves it."""
    import yaml

    folder = tmp_path / "run"
    folder.mkdir()
    ultra_tiny.model.save_weights(folder / "model.weights.h5")
    (folder / "config.yaml").write_text(yaml.safe_dump(ultra_tiny.model.config.as_dict()))
    shutil.copy(tokenizer_json, folder / "tokenizer.json")
    return folder


def test_a_finished_run(finished_run, ultra_tiny, tmp_path, capsys):
    """The command writes the folder that the function writes, beside a report on the terminal or as JSON."""
    command = ["convert", "--run", str(finished_run), "--data", str(tmp_path / "none"), "--json"]
    assert pipeline.main(command) == 0
    written = {path.name: path.read_bytes() for path in (finished_run / "model").iterdir()}
    assert written == {path.name: path.read_bytes() for path in ultra_tiny.folder.iterdir()}
    assert json.loads(capsys.readouterr().out) == ultra_tiny.report


def test_a_broken_run(finished_run, capsys):
    weights = finished_run / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "model.weights.h5: broken" in fails(capsys, "--run", str(finished_run))
    weights.unlink()
    assert "neither model.weights.h5 nor model.npz" in fails(capsys, "--run", str(finished_run))
    assert not (finished_run / "model").exists()


def test_missing_and_broken_configuration(capsys, tmp_path):
    out = ("--untrained", "--out", str(tmp_path / "out"))
    assert "cannot be read" in fails(capsys, *out, "--config", str(tmp_path / "none.yaml"))
    (tmp_path / "bad.yaml").write_text("name: x\nlayout: b4\n")
    assert "bad.yaml" in fails(capsys, *out, "--config", str(tmp_path / "bad.yaml"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_model_is_not_replaced(capsys, tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    message = fails(capsys, "--untrained", "--config", ULTRA, "--out", str(tmp_path))
    assert "has no model.json" in message
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


def test_a_model_is_replaced_and_nothing_else_remains(ultra_tiny, small_model, tmp_path):
    shutil.copytree(ultra_tiny.folder, tmp_path / "model")
    first = (tmp_path / "model" / "model.json").read_bytes()
    model_folder.write_model(small_model, None, None, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "model.json").read_bytes() != first


@pytest.mark.parametrize("broken", ["write_text", "rename"])
def test_a_failure_leaves_the_former_model(ultra_tiny, small_model, tmp_path, monkeypatch, broken):
    """A disk that fills up while report.json is written, or a rename that fails at the very end."""
    from pathlib import Path

    out = tmp_path / "model"
    shutil.copytree(ultra_tiny.folder, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    original = getattr(Path, broken)

    def full(path: Path, *args, **kwargs):
        if path.name in ("report.json", "model") and path.parent != tmp_path:
            raise OSError(28, os.strerror(28), str(path))
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, broken, full)
    with pytest.raises(BitmarError, match="No space left on device"):
        model_folder.write_model(small_model, None, None, out)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_broken_tokenizer_is_refused_before_anything_is_written(small_model, tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BitmarError, match=r"tokenizer.json"):
        model_folder.write_model(small_model, tmp_path / "tokenizer.json", None, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


@pytest.mark.parametrize("where", ["kernel", "gain"])
def test_weights_that_diverged_are_refused(tmp_path, where):
    model = build("bitmar_ultra_tiny")
    layer = model.memory.value if where == "kernel" else model.decoder.norm
    variable = getattr(layer, where)
    values = variable.numpy()
    values.flat[5] = np.nan
    variable.assign(values)
    with pytest.raises(BitmarError, match=r"(memory/value|decoder/norm): weights that are not finite"):
        model_folder.write_model(model, None, None, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_model_json(ultra_tiny):
    """What the runtimes read: config again as it was, files with their digests, ops with their versions."""
    import hashlib

    from model.config import from_dict

    description = json.loads((ultra_tiny.folder / "model.json").read_text())
    assert from_dict(description["config"]) == ultra_tiny.model.config
    assert set(description["files"]) == {
        *(f"{name}.tflite" for name in ("encoder", "recall", "decoder")),
        "tokenizer.json",
        "tokenizer.bin",
    }
    for name, entry in description["files"].items():
        content = (ultra_tiny.folder / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert set(description["ops"].values()) == {1} and len(description["ops"]) == 7
    assert description["special_tokens"] == {"pad": 0, "bos": 1, "eos": 2}
    assert description["cache"] == {"window": 64, "sinks": 4}
    assert description["memory"] == {
        "slots": 8,
        "dim": 128,
        "hot": 4,
        "alpha": 0.2,
        "merge_threshold": 0.0,
        "top_k": 4,
        "slot_dtype": "float16",
    }


def test_the_pi_app_reads_it(ultra_tiny):
    from bitmar.model_folder import read_model

    model = read_model(ultra_tiny.folder)
    assert (model.name, model.window, model.episode_dim) == ("bitmar_ultra_tiny", 64, 128)
