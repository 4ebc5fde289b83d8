"""Property: the batch decides a step, not how many replicas compute it; workers that lose one end in time and can be resumed."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.training.batches import BatchMaker
from model.training.cluster import Cluster, read_tf_config
from model.training.log import read_log
from model.training.rendezvous import meet
from model.training.shares import DECODER_ROWS, check_divisible, share_of
from model.training.step import METRICS

from . import worker
from .conftest import ROOT
from .test_command import train, workplace  # noqa: F401

LOST_SECONDS = 60  # at most, from a worker's death to the others' end: heartbeats are missed after about 10


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def start(workplace, run, *options, kill_step=0, cpus=1, **environment):  # noqa: F811
    words = ["train", "--config", workplace / "toy.yaml", "--data", workplace / "data", "--run", run, *options]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.model.worker", str(cpus), str(kill_step), *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(workplace, runs, *options, kill_step=0):  # noqa: F811
    """Worker 0 with the first folder, worker 1, which may be killed, with the second."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    return [
        start(
            workplace,
            run,
            "--strategy",
            "multiworker",
            *options,
            kill_step=kill_step * index,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index, run in enumerate(runs)
    ]


def ended(process):
    """(exit code, standard output, what we say on standard error)."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, [line for line in err.splitlines() if line.startswith(("error", "Traceback"))]


def curve(folder):
    return np.array([[float(row[name]) for name in METRICS] for row in read_log(folder / "log.csv")])


@pytest.fixture(scope="module")
def alone(workplace, tmp_path_factory):  # noqa: F811
    """A run of one process."""
    run = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patched:
        for setting in worker.settings():
            patched.setattr(*setting)
        assert train(workplace, run) == 0
    return run


@pytest.fixture(scope="module")
def killed(workplace, tmp_path_factory):  # noqa: F811
    """A run of two workers, of which one was killed when its fifth step's batch was made."""
    folder = tmp_path_factory.mktemp("workers")
    runs = chief, other = folder / "chief", folder / "other"
    first, second = start_two(workplace, runs, kill_step=5)
    assert ended(second)[0] == -9
    died = time.monotonic()
    code, _, errors = ended(first)
    assert time.monotonic() - died < LOST_SECONDS
    assert code == 2 and len(errors) == 1, errors
    assert errors[0].startswith("error: worker 0 of 2, step "), errors
    assert "another worker has ended" in errors[0] and "--resume" in errors[0]
    assert not other.exists()  # only the chief writes
    return chief


def assert_trained_as(one, many):
    """Losses and gradients of a step are equal but for the order of float32 sums, in every matrix.

    A code of int8 on the edge of two may flip with that order, which moves gradients by some 5e-5 of a matrix's largest; a text
    that is left out, or weighed twice, by more than 1e-2. Later steps drift: AdamW divides by gradients, ternary codes flip.
    """
    np.testing.assert_allclose(curve(many)[0], curve(one)[0], rtol=1e-5)
    np.testing.assert_allclose(curve(many), curve(one), rtol=5e-3)
    with np.load(many / "first.npz") as divided, np.load(one / "first.npz") as whole:
        moments = [name for name in whole.files if name.startswith("optimizer/")]
        assert len(moments) > 50
        for name in moments:
            scale = np.abs(whole[name]).max()
            np.testing.assert_allclose(divided[name], whole[name], rtol=0, atol=1e-3 * scale, err_msg=name)


def resume(chief, copy, processes):
    """A copy of the run that was killed, with the rows of its log, after `processes(copy)` have resumed it."""
    shutil.copytree(chief, copy)
    before = curve(chief)
    assert 1 <= len(before) < 6
    for code, out, errors in map(ended, processes(copy)):
        assert code == 0 and not errors and "2 replicas" in out, (out, errors)
    np.testing.assert_array_equal(curve(copy)[: len(before)], before)
    assert (copy / "model.weights.h5").exists()


def test_a_run_that_lost_a_worker_goes_on_with_two_devices_and_is_that_of_one(workplace, alone, killed, tmp_path):  # noqa: F811
    run = tmp_path / "run"
    resume(killed, run, lambda copy: [start(workplace, copy, "--strategy", "mirrored", "--resume", cpus=2)])
    assert_trained_as(alone, run)


@pytest.mark.full
def test_a_run_that_lost_a_worker_goes_on_with_two_workers(workplace, alone, killed, tmp_path):  # noqa: F811
    run, other = tmp_path / "run", tmp_path / "other"
    resume(killed, run, lambda copy: start_two(workplace, [copy, other], "--resume"))
    assert_trained_as(alone, run)
    assert not other.exists()


@pytest.mark.full
def test_two_devices_train_as_one(workplace, alone, tmp_path):  # noqa: F811
    code, out, errors = ended(start(workplace, tmp_path / "run", "--strategy", "mirrored", cpus=2))
    assert code == 0 and not errors and "2 replicas" in out, (out, errors)
    assert_trained_as(alone, tmp_path / "run")


@pytest.mark.parametrize("count", [2, 3])
def test_shares_are_the_batch(small_config, small_data, count):
    """Every row once, every text in one share, at its place."""
    batch = BatchMaker(small_data, small_config).batch(3)
    shares = [share_of(batch, index, count) for index in range(count)]
    for name in ("tokens", *DECODER_ROWS):
        whole = getattr(batch, name)
        bounds = [len(whole) * i // count for i in range(count + 1)]
        parts = [getattr(s, name) for s in shares]
        assert len({part.shape for part in parts}) == 1
        rows = [part[: bounds[i + 1] - bounds[i]] for i, part in enumerate(parts)]
        np.testing.assert_array_equal(np.concatenate(rows), whole)
        assert not any(part[len(row) :].any() for part, row in zip(parts, rows, strict=True))
    np.testing.assert_array_equal(sum(s.encoder.present for s in shares), batch.encoder.present)
    whole = batch.tokens.reshape(-1)[batch.encoder.cells]
    for s in shares:
        here = s.encoder.present.astype(bool)
        assert here.any() and not here.all()
        np.testing.assert_array_equal(s.tokens.reshape(-1)[s.encoder.cells[here]], whole[here])
        np.testing.assert_array_equal(s.taught, batch.taught)


def test_more_replicas_than_rows_are_an_error():
    check_divisible(4, 5, 4)
    with pytest.raises(BitmarError, match="5 replicas, but a step's batch is packed into 4 rows"):
        check_divisible(4, 5, 5)


TWO = ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "not JSON"),
        ("[]", "cluster is missing"),
        ({"cluster": {"worker": TWO}}, "task is missing"),
        ({"cluster": {"ps": TWO}, "task": {}}, "job 'ps'"),
        ({"cluster": {"worker": "a:1"}, "task": {}}, "expected a list of HOST:PORT"),
        ({"cluster": {"worker": ["a"]}, "task": {}}, "address 'a', expected HOST:PORT"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}, "twice"),
        ({"cluster": {"chief": TWO}, "task": {"type": "chief", "index": 0}}, "2 chiefs"),
        ({"cluster": {"worker": TWO}, "task": {"type": "chief", "index": 0}}, "task type is 'chief'"),
        ({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": 2}}, "index is 2, expected 0 to 1"),
        ({"cluster": {"worker": TWO}, "task": {"type": "worker", "index": True}}, "index is True"),
    ],
)
def test_a_broken_tf_config_is_one_line(value, said, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(BitmarError) as error:
        read_tf_config()
    message = str(error.value)
    assert message.startswith("TF_CONFIG: ") and said in message and "\n" not in message


def test_the_chief_comes_first(monkeypatch):
    cluster = {"worker": TWO, "chief": ["c:3"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}))
    assert read_tf_config() == (["c:3", "a:1", "b:2"], 2) and not read_tf_config().chief
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}}))
    assert read_tf_config().chief


def test_a_worker_that_finds_nobody_says_so_in_time():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with pytest.raises(BitmarError, match=f"worker 0 waited in vain for worker 1 .{addresses[1]}"):
        meet(Cluster(addresses, 0), 0.3)
    with pytest.raises(BitmarError, match=f"worker 1 waited in vain for worker 0 .{addresses[0]}"):
        meet(Cluster(addresses, 1), 0.3)
    host, port = addresses[0].split(":")
    with socket.create_server((host, int(port))), pytest.raises(BitmarError, match="worker 0 cannot listen"):
        meet(Cluster(addresses, 0), 0.3)


def test_workers_meet_whoever_comes_first_and_strangers_do_not_count():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
    host, port = addresses[0].split(":")
    with ThreadPoolExecutor(3) as pool:
        early = pool.submit(meet, Cluster(addresses, 2), 20)
        chief = pool.submit(meet, Cluster(addresses, 0), 20)
        time.sleep(0.3)
        for said in (b"\xff", b"7\n", b""):
            with socket.create_connection((host, int(port))) as stranger:
                stranger.sendall(said)
        assert not chief.done()
        late = pool.submit(meet, Cluster(addresses, 1), 20)
        for worker_there in (chief, late, early):
            worker_there.result(20)


@pytest.mark.parametrize(
    ("strategy", "tf_config", "said"),
    [
        ("multiworker", "", "--strategy multiworker: TF_CONFIG is not set"),
        (
            "none",
            {"cluster": {"worker": TWO}, "task": {"type": "worker", "index": 0}},
            "names 2 workers, but --strategy",
        ),
        ("mirrored", "", "expected GPUs: pip install '.[train-gpu]'"),
    ],
)
def test_a_strategy_that_cannot_be_is_one_line(workplace, tmp_path, monkeypatch, capsys, strategy, tf_config, said):  # noqa: F811
    monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config) if tf_config else "")
    run = tmp_path / "run"
    assert train(workplace, run, "--strategy", strategy) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and said in error and "\n" not in error
    assert not run.exists()
