"""Property: the memory writes where the rule says, reads what the device reads, and comes back from a file unchanged."""

import keras
import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.episodic_memory import EpisodicMemory
from model.stateful_memory import StatefulMemory

DIM = 32


@pytest.fixture
def memory():
    layer = StatefulMemory(slots=4, dim=DIM, alpha=0.2, merge_threshold=0.8)
    layer.build()
    return layer


@pytest.fixture
def reader():
    keras.utils.set_random_seed(1)
    layer = EpisodicMemory(DIM, top_k=4, temperature=0.01)
    layer.build()
    return layer


def unit(seed, near=None, noise=0.1):
    x = np.random.default_rng(seed).normal(size=DIM)
    if near is not None:
        x = near + noise * x / np.linalg.norm(x)
    return (x / np.linalg.norm(x)).astype(np.float32)


def episode(seed):
    return np.random.default_rng(1000 + seed).normal(size=DIM).astype(np.float32)


def half(x):
    return np.asarray(x, np.float32).astype(np.float16).astype(np.float32)


def test_views_of_the_same_thing_are_a_running_mean(memory):
    first, again = unit(0), unit(1, near=unit(0))
    assert memory.teach("cup", episode(0), first).action == "new"
    written = memory.teach("cup", episode(1), again)
    assert (written.slot, written.action) == (0, "merged")
    np.testing.assert_array_equal(memory.episodes.numpy()[0], half(episode(1)))
    mean = (first + again) / np.linalg.norm(first + again)
    np.testing.assert_allclose(memory.keys.numpy()[0], mean, atol=0.01)
    assert memory.labels() == ["cup", "", "", ""]


def test_look_alikes_with_other_names_keep_their_slots(memory):
    memory.teach("cup", episode(0), unit(0))
    assert memory.teach("mug", episode(1), unit(1, near=unit(0))).action == "new"
    assert memory.labels()[:2] == ["cup", "mug"]
    np.testing.assert_array_equal(memory.episodes.numpy()[0], half(episode(0)))


def test_one_name_for_two_different_things_takes_two_slots(memory):
    memory.teach("bat", episode(0), unit(0))
    assert memory.teach("bat", episode(1), unit(1)).action == "new"
    assert memory.labels()[:2] == ["bat", "bat"]
    assert memory.forget("bat") == 2 and memory.labels() == [""] * 4


def test_replace_overwrites_what_looks_alike(memory):
    memory.teach("cup", episode(0), unit(0))
    written = memory.teach("mug", episode(1), unit(1, near=unit(0)), replace=True)
    assert (written.action, written.previous, memory.labels()[0]) == ("replaced", "cup", "mug")
    np.testing.assert_array_equal(memory.episodes.numpy()[0], half(episode(1)))


def test_the_slot_that_nobody_reads_goes(memory, reader):
    for i in range(4):
        memory.teach(f"thing {i}", episode(i), unit(i))
    for i in (0, 2, 3):
        assert memory.ask(unit(i), reader)[0] == i
    written = memory.teach("new", episode(9), unit(9))
    assert (written.slot, written.action, written.previous) == (1, "evicted", "thing 1")


def test_importance_keeps_a_slot(memory):
    for i in range(4):
        memory.teach(f"thing {i}", episode(i), unit(i), importance=100.0 if i == 0 else 1.0)
    assert memory.teach("new", episode(9), unit(9)).slot == 1


def test_an_empty_memory_reads_zeros(memory, reader):
    slot, context = memory.ask(unit(0), reader)
    assert slot is None and not context.any()


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "a\0b"])
def test_a_name_that_does_not_fit_changes_nothing(memory, name):
    with pytest.raises(BitmarError, match="name"):
        memory.teach(name, episode(0), unit(0))
    assert memory.labels() == [""] * 4 and not memory.episodes.numpy().any()


def test_the_read_attends_to_the_best_k_slots_only(reader):
    rng = np.random.default_rng(3)
    keys = np.stack([unit(i) for i in range(8)])[None]
    episodes = rng.normal(size=(1, 8, DIM)).astype(np.float32)
    query = unit(50, near=keys[0, 5], noise=0.5)
    context, scores = (np.asarray(x) for x in reader(query[None, None], keys, episodes))
    best = np.argsort(-scores[0, 0])[:4]
    assert best[0] == 5
    weights = np.exp((scores[0, 0, best] - scores[0, 0, best].max()) / reader.temperature)
    values = np.asarray(reader.value(episodes))[0, best]
    np.testing.assert_allclose(context[0, 0], weights / weights.sum() @ values, rtol=1e-4, atol=1e-5)
    others = np.setdiff1d(np.arange(8), best)
    changed = episodes.copy()
    changed[0, others] += 1
    np.testing.assert_array_equal(np.asarray(reader(query[None, None], keys, changed)[0]), context)


def test_the_number_of_slots_is_not_in_the_weights(reader):
    query, keys, episodes = (
        unit(0)[None, None],
        np.stack([unit(i) for i in range(16)])[None],
        np.zeros((1, 16, DIM), np.float32),
    )
    for slots in (1, 3, 8, 16):
        assert reader(query, keys[:, :slots], episodes[:, :slots])[1].shape == (1, 1, slots)


def test_a_memory_survives_a_file(memory, reader, tmp_path):
    """The whole state, through a Keras model's .keras file: the same answers and the same next write."""
    for i in range(4):
        memory.teach(f"ding ü {i}", episode(i), unit(i))
    memory.ask(unit(2), reader)

    @keras.saving.register_keras_serializable(package="bitmar_tests")
    class Holder(keras.Model):
        def __init__(self, held=None, **kwargs):
            super().__init__(**kwargs)
            self.held = held or StatefulMemory(4, DIM, 0.2, 0.8)
            if not self.held.built:
                self.held.build()
            self.built = True

        def call(self, x):
            return x

        def get_config(self):
            return {**super().get_config(), "held": keras.saving.serialize_keras_object(self.held)}

        @classmethod
        def from_config(cls, config):
            config["held"] = keras.saving.deserialize_keras_object(config["held"])
            return cls(**config)

    Holder(memory).save(tmp_path / "m.keras")
    back = keras.saving.load_model(tmp_path / "m.keras").held
    assert back.labels() == memory.labels() and back.sizes == memory.sizes
    for mine, theirs in zip(memory.variables, back.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    assert back.teach("new", episode(9), unit(9)) == memory.teach("new", episode(9), unit(9))
