"""Property: training repeats bit for bit, an interrupted run resumed is the run uninterrupted, and it learns."""

import csv
import dataclasses
import hashlib
import itertools
import math

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model import discriminant
from model.data.dataset import Views
from model.data.states import Pictures, StateFile, States
from model.training.batches import FEW, VIEWED, BatchMaker, augment, choose, look
from model.training.keys import MOST, some_groups
from model.training.loop import Interrupt, Training
from model.training.run_folder import RunFolder
from model.training.schedule import Schedule

from .conftest import small


def train(config, data, folder, stop_after=None, restore=False, **options):
    """Steps until the schedule's end, or `stop_after` steps; the model's weights."""
    folder.mkdir(exist_ok=True)
    training = Training(config, data, RunFolder(folder), **options)
    if restore:
        training.restore()
    interrupt = Interrupt()
    step = training.step

    def counted(batch, rate):
        metrics = step(batch, rate)
        interrupt.asked = training.schedule.step + 1 == stop_after
        return metrics

    training.step = counted
    done = training.run(interrupt, show=False)
    assert done == (stop_after is None)
    return [v.numpy() for v in training.model.variables]


def losses(folder):
    with (folder / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def uninterrupted(small_config, small_data, tmp_path_factory):
    """(weights, losses) of a run without a break and without a time."""
    folder = tmp_path_factory.mktemp("whole")
    return train(small_config, small_data, folder), losses(folder)


def assert_same_run(uninterrupted, weights, folder):
    for a, b in zip(uninterrupted[0], weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert uninterrupted[1] == losses(folder)


def test_resumed_equals_uninterrupted(uninterrupted, small_config, small_data, tmp_path):
    """Also where a time is given that will do: the schedule follows the steps alone."""
    train(small_config, small_data, tmp_path, stop_after=3, seconds=3600.0)
    resumed = train(small_config, small_data, tmp_path, restore=True, seconds=3600.0)
    assert_same_run(uninterrupted, resumed, tmp_path)
    assert [int(row["step"]) for row in losses(tmp_path)] == list(range(1, 9))


def broken_from(step, monkeypatch):
    """Batches of `step` and later hold a picture with a NaN."""
    batch = BatchMaker.batch

    def broken(self, number):
        made = batch(self, number)
        if number >= step:
            made.taught[0, 0] = np.nan
        return made

    monkeypatch.setattr(BatchMaker, "batch", broken)


def test_the_first_loss_that_is_not_finite_ends_the_run(uninterrupted, small_config, small_data, tmp_path, monkeypatch):
    """One error that says where and what to try; the checkpoint is the last good one, and a run can go on from it."""
    train(small_config, small_data, tmp_path, stop_after=3)
    good = (tmp_path / "checkpoint.npz").read_bytes()
    with monkeypatch.context() as patched:
        broken_from(5, patched)
        patched.setattr("model.training.loop.CHECKPOINT_SECONDS", math.inf)  # none in between, however slow the machine
        with pytest.raises(BitmarError) as error:
            train(small_config, small_data, tmp_path, restore=True)
    message = str(error.value)
    assert message.startswith("step 6: loss is nan, expected a finite number") and "\n" not in message
    assert f"last good checkpoint: {tmp_path / 'checkpoint.npz'}, step 3" in message
    assert "lower learning_rate" in message
    assert (tmp_path / "checkpoint.npz").read_bytes() == good
    assert_same_run(uninterrupted, train(small_config, small_data, tmp_path, restore=True), tmp_path)


def test_no_checkpoint_is_written_of_broken_weights(small_config, small_data, tmp_path):
    training = Training(small_config, small_data, RunFolder(tmp_path))
    training.model.variables[0].assign(np.full(training.model.variables[0].shape, np.inf))
    with pytest.raises(BitmarError, match="not finite"):
        training.save()
    assert not list(tmp_path.iterdir())


def test_a_log_that_ran_ahead_of_the_checkpoint_is_cut(small_config, small_data, tmp_path):
    """A killed process leaves rows after the last checkpoint: resuming writes them again, once."""
    train(small_config, small_data, tmp_path, stop_after=3)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,1,1,1,1,1,1,1,1,1,1\n5,1,1")
    train(small_config, small_data, tmp_path, restore=True)
    assert [int(row["step"]) for row in losses(tmp_path)] == list(range(1, 9))


def test_training_learns(ultra_tiny, small_data, tmp_path):
    config = small(ultra_tiny, steps=60, warmup_steps=5, learning_rate=0.01)
    train(config, small_data, tmp_path)
    rows = losses(tmp_path)
    for name in ("loss", "recall", "phrases"):
        first, last = (np.mean([float(row[name]) for row in part]) for part in (rows[:5], rows[-5:]))
        assert last < 0.9 * first, name


def test_batches_depend_on_seed_and_step_alone(small_config, small_data):
    one, two = BatchMaker(small_data, small_config), BatchMaker(small_data, small_config)
    one.batch(0)
    for a, b in zip(one.batch(5), two.batch(5), strict=True):
        for x, y in zip(a, b, strict=True) if isinstance(a, tuple) else ((a, b),):
            np.testing.assert_array_equal(x, y)
    assert not np.array_equal(one.batch(5).taught, one.batch(6).taught)


def test_the_batches_of_a_seed_never_change(small_config, small_data):
    """A run's bits follow from its seed: these batches are those of the versions before."""
    digest = hashlib.sha256()
    maker = BatchMaker(small_data, small_config)
    for step in (0, 1, 77):
        for part in maker.batch(step):
            for array in part if isinstance(part, tuple) else (part,):
                digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest() == "7bf186a8d26ad99b3d7204ece4c0bb9f729b90afc257a54e5adee24dbd22226a"


def test_batches_of_pictures_on_disk_are_those_of_loaded_ones(tmp_path, small_config, small_data):
    np.save(tmp_path / "one.npy", small_data.features[:50].astype(np.float64))
    np.save(tmp_path / "two.npy", small_data.features[50:])
    states = States([StateFile(tmp_path / "one.npy"), StateFile(tmp_path / "two.npy")])
    pictures = Pictures(states, states.scale)
    disk, ram = (
        BatchMaker(dataclasses.replace(small_data, features=features), small_config)
        for features in (pictures, pictures[:])
    )
    for step in range(3):
        for a, b in zip(disk.batch(step)[:2], ram.batch(step)[:2], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_choice_among_few_is_a_shuffle_and_among_many_is_not_slow():
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    np.testing.assert_array_equal(choose(one, FEW, 9), two.permutation(FEW)[:9])
    for count in (FEW + 1, 10**15):  # a list of 10**15 numbers would not fit
        chosen = choose(one, count, 5000)
        assert len(set(chosen.tolist())) == 5000 and chosen.min() >= 0 and chosen.max() < count
        assert chosen.mean() == pytest.approx(count / 2, rel=0.05)


def test_the_discriminant_is_of_some_things_where_there_are_many():
    groups = [np.arange(2 * i, 2 * i + 1 + i % 2) for i in range(40_000)]
    assert some_groups(groups[:500], 32, 0) == groups[:500]
    some = some_groups(groups, 32, 0)
    assert {len(group) for group in some} == {2} and sum(map(len, some)) == MOST
    single = some_groups([group[:1] for group in groups], 32, 0)
    assert len(single) == MOST and len({int(group[0]) for group in single}) == MOST
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32)
    matrix = discriminant.fit(x, np.arange(300), 4)  # one drawing of each: the directions in which they differ most
    assert np.isfinite(matrix).all() and (np.abs(matrix).argmax(0) == [7, 6, 5, 4]).all()


def test_a_batch_is_what_it_says(small_config, small_data):
    """Pairs are two drawings of one thing, the encoder sees the text without <eos>, the decoder is asked for all of it."""
    plain = dataclasses.replace(small_config.training, vision_noise=0.0, vision_dropout=0.0)
    maker = BatchMaker(small_data, dataclasses.replace(small_config, training=plain))
    things = {small_data.features[row].tobytes(): i for i, rows in enumerate(small_data.drawings) for row in rows}
    for step in range(4):
        b = maker.batch(step)
        pairs = len(b.own_name)
        taught, asked = ([things[row.tobytes()] for row in rows] for rows in (b.taught, b.asked))
        assert taught == asked and len(set(taught)) == len(taught)
        assert not (b.taught == b.asked).all(1).any()
        flat, targets = b.tokens.reshape(-1), b.targets.reshape(-1)
        for text in range(pairs + small_config.training.phrases):
            there = b.encoder.present[text].astype(bool)
            told = flat[b.encoder.cells[text][there]].tolist()
            asked_for = targets[b.decoder.cells[text][b.decoder.present[text].astype(bool)]].tolist()
            if asked_for:
                assert asked_for == [*told, 2]
            if text < pairs and b.own_name[text]:
                name = small_data.names
                assert told == name.ids[taught[text], : name.lengths[taught[text]]].tolist()
        starts = b.decoder.cells[b.decoder.present[:, 0] > 0, 0]
        assert (b.previous.reshape(-1)[starts] == small_config.bos_id).all()
        weights = b.recall_weight + b.phrase_weight + b.caption_weight
        np.testing.assert_array_equal(weights, (b.decoder.segment >= 0).astype(np.float32))


def test_augmentation_has_the_asked_noise_and_dropout():
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(400, 768)).astype(np.float32)
    seen = augment(pictures, 0.5, 0.2, rng)
    kept = seen != 0
    assert kept.mean() == pytest.approx(0.8, abs=0.01)
    difference = seen[kept] * np.float32(0.8) - pictures[kept]
    assert difference.std() == pytest.approx(0.5, abs=0.01) and abs(difference.mean()) < 0.01


def test_too_few_things_are_an_error(small_config, small_data):
    few = dataclasses.replace(small_data, drawings=small_data.drawings[:7])
    with pytest.raises(BitmarError, match="7 concepts"):
        BatchMaker(few, small_config)


@pytest.mark.parametrize("seconds_per_step", [0.1, 0.35, 2.0])
def test_the_schedule_ends_with_the_time_or_the_steps(seconds_per_step):
    s = Schedule(steps=400, seconds=60.0, warmup=10, peak=1.0)
    rates = []
    while not s.done():
        rates.append(s.learning_rate())
        # the first steps compile; then the machine gets slower half way
        s.advance(5.0 if s.step == 0 else seconds_per_step * (1 if s.spent < 30 else 2))
    assert s.spent <= 60.0
    assert s.step == 400 or s.spent > 60.0 - 6 * seconds_per_step
    assert max(rates) <= 1.0 and all(a >= b for a, b in itertools.pairwise(rates[12:]))
    assert rates[-1] < 0.1
    assert s.cut_short == (s.step < 400)


def test_without_a_time_the_schedule_is_a_function_of_the_step():
    fast, slow = (Schedule(steps=50, seconds=math.inf, warmup=5, peak=1.0) for _ in range(2))
    for step in range(50):
        assert fast.step == step and not fast.done() and fast.learning_rate() == slow.learning_rate()
        cosine = 0.98 * 0.5 * (1 + math.cos(math.pi * step / 50)) + 0.02
        assert fast.learning_rate() == pytest.approx(min(1, (step + 1) / 5) * cosine)
        fast.advance(0.01)
        slow.advance(100.0 * step)
    assert fast.done() and slow.done() and not fast.cut_short


def test_a_checkpoint_of_another_model_is_refused(small_config, small_data, tmp_path):
    train(small_config, small_data, tmp_path, stop_after=1)
    other = dataclasses.replace(small_config, vision_hidden_size=64)
    with pytest.raises(BitmarError, match=r"checkpoint\.npz"):
        train(other, small_data, tmp_path, restore=True)
    with np.load(tmp_path / "checkpoint.npz") as file:
        arrays = dict(file)
    for change in (
        {"schedule/step": np.float64("nan")},
        {"schedule/step": np.array("x")},
        {"schedule/step": np.ones(2)},
    ):
        np.savez(tmp_path / "checkpoint.npz", **(arrays | change))
        with pytest.raises(BitmarError, match=r"checkpoint\.npz: schedule/step is missing, of another shape or broken"):
            train(small_config, small_data, tmp_path, restore=True)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK broken")
    with pytest.raises(BitmarError, match="broken"):
        train(small_config, small_data, tmp_path, restore=True)


def test_most_pictures_are_seen_in_one_of_their_own_views() -> None:
    """Drawing i is all i, its views are all 100 i + v; the last drawing has none."""
    features = np.repeat(np.arange(10, dtype=np.float32)[:, None], 768, 1)
    rows = np.arange(20, dtype=np.int32).reshape(10, 2)
    rows[9] = -1
    views = Views(rows, np.repeat([[100.0 * (i // 2) + i % 2] for i in range(20)], 768, 1).astype(np.float32))
    rng, asked = np.random.default_rng(0), np.tile(np.arange(10), 400)
    seen = look(features, asked, views, rng)[:, 0]
    viewed = seen != asked
    viewed[asked == 0] = seen[asked == 0] == 1  # drawing 0's first view looks like itself
    assert ((seen[viewed] // 100 == asked[viewed]) & (seen[viewed] % 100 <= 1)).all()
    assert not viewed[asked == 9].any()
    assert abs(viewed[(asked > 0) & (asked < 9)].mean() - VIEWED) < 0.03
    assert set(seen[viewed & (asked == 5)]) == {500.0, 501.0}
