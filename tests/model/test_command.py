"""Property: `pipeline.py train` and `eval` work from files to files, and every wrong input is one line and exit code 2.

The data is of BabyLM's form (captions and states), made here: nothing is downloaded.
"""

import itertools
import json
import re
import shutil
import signal

import numpy as np
import pytest
import yaml

import pipeline
from model.data import running_text
from model.data.names import normalise
from model.data.pictograms import load_dataset, load_tokenizer
from model.data.running_text import Document
from model.data.writing import mix
from model.saved_run import load_run
from model.training.log import read_log
from model.training.step import TrainStep
from model.training.texts import recombined, training_set

from .conftest import small

ADJECTIVES = [
    "red",
    "green",
    "small",
    "old",
    "loud",
    "wet",
    "kind",
    "round",
    "dark",
    "quick",
    "tall",
    "shy",
    "soft",
    "pale",
    "new",
]
NOUNS = ["cup", "horse", "river", "lamp", "glove", "tower", "apple", "drum", "wheel", "ship"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, ultra_tiny):
    """A data folder with 150 captions of three states each, and a small configuration."""
    root = tmp_path_factory.mktemp("work")
    names = [f"{a} {n}" for a in ADJECTIVES for n in NOUNS]
    rng = np.random.default_rng(0)
    states = (np.repeat(rng.normal(size=(150, 768)), 3, 0) + 0.3 * rng.normal(size=(450, 768))).astype(np.float32)
    captions = root / "data" / "captions"
    captions.mkdir(parents=True)
    (captions / "toy_captions.json").write_text(json.dumps(list(np.repeat(names, 3))))
    np.save(captions / "toy_states.npy", states)
    phrases = sorted({f"{n} of the {m}" for n in NOUNS for m in NOUNS} | {f"the {a} one" for a in ADJECTIVES})
    (root / "data" / "phrases.txt").write_text("\n".join(phrases) + "\n")
    writing = {kind: [f"{kind} {i} of {n}" for n in NOUNS for i in range(40)] for kind in mix.KINDS}
    mix.write(root / "data" / mix.FILE, writing)
    paragraph = "The cup of the river, and the lamp that stands beside it."
    running_text.write(root / "data" / running_text.FILE, [Document("a book", True, [paragraph] * 100)])
    values = small(ultra_tiny, steps=6).as_dict() | {"vision": "file", "name": "toy"}
    (root / "toy.yaml").write_text(yaml.safe_dump(values))
    return root


def call(*words):
    return pipeline.main([str(word) for word in words])


def train(workplace, run, *options):
    return call("train", "--config", workplace / "toy.yaml", "--data", workplace / "data", "--run", run, *options)


@pytest.fixture(scope="module")
def trained(workplace):
    run = workplace / "runs" / "toy"
    assert train(workplace, run) == 0
    return run


def test_a_run_leaves_its_files(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "tokenizer.json", "data.json", "log.csv", "checkpoint.npz", "model.weights.h5"} <= names
    metrics = json.loads((trained / "metrics.json").read_text())
    assert (metrics["steps"], metrics["planned_steps"], metrics["cut_short"]) == (6, 6, False)
    assert metrics["seconds"] > 0 and metrics["seeds"]["training"] == 0 and metrics["sizes"]["parameters"] > 1000
    assert metrics["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", metrics["commit"])
    for plot in ("losses", "ternary"):
        assert (trained / "plots" / f"{plot}.png").read_bytes()[:4] == b"\x89PNG"
    assert not [name for name in names if name.startswith(".")]  # no temporary file is left
    assert [int(row["step"]) for row in read_log(trained / "log.csv")] == [1, 2, 3, 4, 5, 6]
    assert load_run(trained).config.name == "toy"


def test_ctrl_c_and_resume_give_the_same_weights(workplace, trained, tmp_path, monkeypatch, capsys):
    """SIGINT in the middle of a step: exit code 130, a checkpoint, and after --resume the uninterrupted run's weights."""
    with monkeypatch.context() as patched:
        step, steps = TrainStep.__call__, itertools.count(1)

        def interrupted(self, batch, rate):
            if next(steps) == 4:
                signal.raise_signal(signal.SIGINT)
            return step(self, batch, rate)

        patched.setattr(TrainStep, "__call__", interrupted)
        assert train(workplace, tmp_path / "run") == 130
    assert "interrupted after step 4" in capsys.readouterr().out
    assert not (tmp_path / "run" / "model.weights.h5").exists()
    assert train(workplace, tmp_path / "run", "--resume") == 0
    for whole, resumed in zip(load_run(trained).variables, load_run(tmp_path / "run").variables, strict=True):
        np.testing.assert_array_equal(whole.numpy(), resumed.numpy())


def test_eval_prints_and_writes_the_report(workplace, trained, capsys):
    out = workplace / "eval.json"
    assert call("eval", "--run", trained, "--data", workplace / "data", "--questions", 50, "--json", "--out", out) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    for ways in ("8", "16"):
        got = printed["ways"][ways]["held_out_family"]
        assert got["n"] == 50 and 0 <= got["low"] <= got["slot"] <= got["high"] <= 1
        assert 0 <= got["nearest"] <= 1 and 0 <= got["lda"] <= 1 and got["exact"] == got["slot"]
    for kind in ("plain", "serial", "digits", "all"):
        row = printed["any_name"][kind]
        assert row["answered"] == 1.0 and 0 <= row["first"] <= row["decoded"] <= 1 and row["n"] > 0
    assert (
        printed["say"]["found"] == 1.0 and printed["life"]["duplicates"] == 0 and printed["many"]["512"]["slot"] is None
    )
    metrics = json.loads((trained / "metrics.json").read_text())
    assert all(metrics[key] == value for key, value in printed.items() if key != "seeds") and printed["steps"] == 6
    assert metrics["seeds"] == {"training": 0, "evaluation": printed["seed"]}
    text = printed["text"]
    assert text["n"] == 1 and text["bytes"] >= 5000 and 0 < text["low"] <= text["bits_per_byte"] <= text["high"]
    assert text["stream"]["tokens"] == 8 * text["window"] == 128 and text["stream"]["ratio"] > 0


def test_eval_says_that_there_is_no_running_text(workplace, trained, tmp_path, capsys):
    """Before the work: here the run's weights are missing, which ends it at once."""
    data = shutil.copytree(workplace / "data", tmp_path / "data")
    (data / running_text.FILE).unlink()
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "model.weights.h5").unlink()
    assert call("eval", "--run", run, "--data", data) == 2
    said, error = capsys.readouterr().err.splitlines()
    assert "no held-out running text, bits per byte are not measured" in said
    assert error.startswith("error: ") and "model.weights.h5" in error


def test_more_steps_are_another_run(workplace, trained, capsys):
    assert train(workplace, trained) == 2
    assert "holds a run" in capsys.readouterr().err
    assert train(workplace, trained, "--resume", "--steps", 9) == 2
    assert "steps was 6, now 9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume",), "no checkpoint to resume from"),
        (("--minutes", "0"), "--minutes: training: minutes is 0.0, expected more than 0"),
        (("--minutes", "nan"), "--minutes: training: minutes is nan, expected a finite number"),
        (("--steps", "-3"), "--steps: training: steps is -3, expected at least 1"),
        (("--steps", "many"), "argument --steps: invalid int value: 'many'"),
        (("--steps", "1" * 20), "--steps: training: steps is 11111111111111111111, expected at most 10000000"),
        (("--split", "other"), "argument --split: invalid choice: 'other'"),
        (("--max_samples", "5"), "expected at least 8 (set_size)"),
        (("--max_samples", "0"), "--max_samples is 0, expected at least 1"),
        (("--run", "/proc/x/y"), "/proc/x/y: No such file or directory, expected a folder that can be written"),
        (("--run", "/dev/null"), "/dev/null: File exists, expected a folder that can be written"),
        (("--run", "x" * 300), "File name too long, expected a folder that can be written"),
        (("--data", "x" * 300), "File name too long"),
        (("--data", "pipeline.py"), "pipeline.py"),
        (("--data", "nowhere"), "nowhere"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(workplace, tmp_path, capsys, options, message):
    run = tmp_path / "run"
    assert train(workplace, run, *options) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and message in error and "\n" not in error
    assert not run.exists()


def test_a_run_ends_with_its_time_and_says_so(workplace, tmp_path, capsys):
    """A time that is over after a few steps, long before the configuration's steps."""
    values = yaml.safe_load((workplace / "toy.yaml").read_text())
    values["training"] |= {"steps": 100_000, "minutes": 0.25}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(values))
    run = tmp_path / "run"
    assert train(workplace, run, "--config", tmp_path / "short.yaml") == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["cut_short"] and 0 < metrics["steps"] < metrics["planned_steps"] == 100_000
    assert f"cut short by minutes 0.25 after step {metrics['steps']} of 100000" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["/proc/x/eval.json", "/tmp", "/dev/null/eval.json"])
def test_eval_looks_at_where_it_writes_before_it_works(trained, out, capsys):
    before = (trained / "metrics.json").read_bytes()
    assert call("eval", "--run", trained, "--data", "nowhere", "--out", out) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {out.removesuffix('/eval.json')}") and error.count("\n") == 1
    assert (trained / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "expected the split and counts"),
        ('{"split": ["final"]}', "expected the split and counts"),
        ('{"split": "other"}', "split 'other': unknown"),
        ('{"split": "final"}', "not the data that"),
        ("[" * 100_000, "not JSON"),
        (None, "is missing: run `pipeline.py train` first"),
    ],
)
def test_eval_of_a_run_whose_data_json_is_broken(workplace, trained, tmp_path, content, message, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "data.json").write_text(content) if content else (run / "data.json").unlink()
    before = sorted(path.name for path in run.iterdir())
    assert call("eval", "--run", run, "--data", workplace / "data") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert sorted(path.name for path in run.iterdir()) == before


def test_eval_of_nothing(workplace, capsys):
    assert call("eval", "--run", workplace / "none", "--data", workplace / "data") == 2
    assert "No such file or directory, expected a folder that `pipeline.py train` wrote" in capsys.readouterr().err


def test_dry_run_prints_the_table(capsys):
    assert call("train", "--dry-run", "--config", "configs/bitmar_tiny_edge.yaml") == 0
    out = capsys.readouterr().out
    assert "12.5 M" in out and "decoder: token table" in out and "6,432,896" in out


def test_no_held_out_name_is_trained_on(workplace, ultra_tiny):
    """Neither as a name, a tag, a phrase nor by chance in a recombination of training names; held-out drawings neither."""
    from model.config import load_config

    config = load_config(workplace / "toy.yaml")
    for split in ("development", "final"):
        dataset = load_dataset(config, workplace / "data", split)
        secret = {concept.name for concept in dataset.concepts if concept.held_out}
        assert len(secret) > 10
        tokenizer = load_tokenizer(config, dataset, workplace / "data")
        data = training_set(dataset, tokenizer, config)
        for texts in (data.names, *data.phrases.values()):
            assert not secret & {normalise(tokenizer.decode(row.tolist())) for row in texts.ids}
        drawn = {int(concept) for rows in data.drawings for concept in dataset.concept[rows]}
        assert not any(dataset.concepts[i].held_out for i in drawn)
    assert "red lamp" in recombined(["red cup", "green lamp"], 2000, 0)  # it can happen, so the filter is needed
