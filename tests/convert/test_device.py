"""Property: the flatbuffers in the Pi's runtime answer as the Keras model does.

Integer dot products are exact on both sides; norms, softmax and exp add in another order in TensorFlow, so now and then an int8
rounding falls to the neighbouring code. Those are counted, and greedy tokens agree in at least 99.5 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.convert.both import DeviceSide, KerasSide, Questions
from tests.convert.roundings import RecordingGraph, flips, recording_keras
from tests.kernels import spec

AGREEMENT = 0.995
BEFORE_ANY_FLOAT = ("vision/up", "keys/from_vision", "text/block_0/attention/qkv")  # one norm away from exact numbers


def canonical(pictures: np.ndarray) -> np.ndarray:
    """768 numbers as they reach every device: int8 codes times a scale; float32 [N, 768]."""
    codes, scale = spec.absmax_quantise(pictures)
    return codes.astype(np.float32) * scale[:, None]


def random_questions(model, count: int, group: int, longest: int, seed: int = 0) -> Questions:
    """Pictures of independent noise, asked for with noisier copies; names of 1 to `longest` random tokens."""
    c, random = model.config, np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    mask = (np.arange(c.max_seq_len) < lengths[:, None]).astype(np.int32)
    tokens = np.where(mask, random.integers(3, c.vocab_size, mask.shape), c.pad_id).astype(np.int32)
    taught = random.normal(size=(count, c.vision_dim)).astype(np.float32)
    asked = taught + 0.5 * random.normal(size=taught.shape).astype(np.float32)
    return Questions(tokens, mask, canonical(taught), canonical(asked), group)


def check_agreement(model, folder, questions: Questions, steps: int) -> dict[str, float]:
    """Asserts the tolerances; returns what was measured."""
    device, there = DeviceSide(folder, model).answer(questions, steps)
    trained = KerasSide(model).answer(questions, device)
    for name in ("key", "latent"):  # from the picture alone: three roundings at most
        scale = np.abs(trained.encoded[name]).max()
        assert np.median(np.abs(trained.encoded[name] - device.encoded[name])) <= 1e-5 * scale, name
    cosine = (trained.encoded["episode"] * device.encoded["episode"]).sum(-1) / (
        np.linalg.norm(trained.encoded["episode"], axis=-1) * np.linalg.norm(device.encoded["episode"], axis=-1)
    )
    agreement = float((trained.best == device.best)[there].mean())
    slots = float((trained.slot == device.slot).mean())
    assert cosine.min() >= 0.99
    assert slots >= AGREEMENT
    assert agreement >= AGREEMENT
    return {"questions": len(there), "tokens": int(there.sum()), "tokens_agree": agreement, "slots_agree": slots}


@pytest.mark.parametrize("group", [8, 2], ids=["more slots than are read", "fewer slots than are read"])
def test_untrained_ultra_tiny(ultra_tiny, group, record_property):
    questions = random_questions(ultra_tiny.model, 64, group, longest=31)
    record_property("measured", check_agreement(ultra_tiny.model, ultra_tiny.folder, questions, steps=32))


def test_untrained_tiny_edge(tiny_edge, record_property):
    questions = random_questions(tiny_edge.model, 8, 8, longest=8)
    record_property("measured", check_agreement(tiny_edge.model, tiny_edge.folder, questions, steps=16))


def test_no_text_and_no_picture_give_zeros(ultra_tiny):
    device = DeviceSide(ultra_tiny.folder, ultra_tiny.model)
    nothing = np.zeros(ultra_tiny.model.config.max_seq_len, np.int32)
    out = device.encode(nothing, nothing, np.zeros(768, np.float32))
    assert {name: np.abs(value).max() for name, value in out.items()} == dict.fromkeys(out, 0)


def test_padding_carries_nothing(ultra_tiny):
    """What stands in the padding's token ids does not move one bit of the episode."""
    q = random_questions(ultra_tiny.model, 4, 4, longest=6, seed=1)
    device = DeviceSide(ultra_tiny.folder, ultra_tiny.model)
    for i in range(4):
        other = np.where(q.mask[i], q.tokens[i], 700 + i).astype(np.int32)
        clean, dirty = (device.encode(tokens, q.mask[i], q.taught[i]) for tokens in (q.tokens[i], other))
        for name in clean:
            np.testing.assert_array_equal(clean[name], dirty[name], err_msg=name)


def test_roundings_that_flip(ultra_tiny, record_property):
    """Counted for every matrix of the encoder: next to none before float sums pile up, few after eleven layers."""
    model, q = ultra_tiny.model, random_questions(ultra_tiny.model, 32, 8, longest=31)
    with recording_keras(model) as keras_inputs:
        model.encode(q.tokens, q.mask.astype(np.float32), q.taught)
    graph = RecordingGraph(ultra_tiny.folder / "encoder.tflite")
    counted: dict[str, np.ndarray] = {}
    for i in range(len(q.tokens)):
        graph.run(tokens=q.tokens[i], mask=q.mask[i], vision=q.taught[i : i + 1])
        for name, x in graph.inputs().items():
            ours, theirs = keras_inputs[name][0][i], x
            if len(x) == len(q.mask[i]):  # one row a token: padding does not count
                ours, theirs = ours[q.mask[i] != 0], x[q.mask[i] != 0]
            counted[name] = counted.get(name, np.zeros(3, int)) + flips(ours, theirs)
    record_property("flips", {name: [int(n) for n in row[:2]] for name, row in counted.items()})
    assert len(counted) == len(graph.fed) == len(keras_inputs)
    for name in BEFORE_ANY_FLOAT:
        assert counted[name][0] <= 1e-4 * counted[name][1], name
    flipped, codes, _ = sum(counted.values())
    assert flipped <= 0.03 * codes
